namespace Ambient.Proxy;

/// <summary>
/// The orderly end of a process: first nothing new is taken while what is open goes on; after a deadline, or once told again,
/// what is still open is cut.
/// </summary>
public sealed class Drain : IDisposable
{
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _started = new();
    private readonly CancellationTokenSource _forced = new();

    /// <summary>Nothing ends yet.</summary>
    public Drain(TimeProvider time) => _time = time;

    /// <summary>Cancelled when nothing new is to be taken.</summary>
    public CancellationToken Started => _started.Token;

    /// <summary>Cancelled when what is open is to be cut.</summary>
    public CancellationToken Forced => _forced.Token;

    /// <summary>Begins, and cuts what is open after a time.</summary>
    public async Task StartAsync(TimeSpan deadline)
    {
        if (_started.IsCancellationRequested)
        {
            return;
        }

        await _started.CancelAsync();
        try
        {
            await Task.Delay(deadline, _time, _forced.Token);
        }
        catch (OperationCanceledException)
        {
            return; // forced meanwhile, or everything ended
        }

        await _forced.CancelAsync();
    }

    /// <summary>Cuts what is open now.</summary>
    public Task ForceAsync() => _forced.CancelAsync();

    /// <inheritdoc/>
    public void Dispose()
    {
        _started.Dispose();
        _forced.Dispose();
    }
}
