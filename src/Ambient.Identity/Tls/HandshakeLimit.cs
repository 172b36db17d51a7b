namespace Ambient.Identity.Tls;

/// <summary>
/// Bounds the handshakes under way. One costs a millisecond of processor time and some 30 KB until it ends, and anybody
/// who reaches the port can start one; so they wait their turn, and beyond that they are refused at once.
/// </summary>
/// <param name="concurrent">Handshakes under way: 256 hold 8 MB and a quarter of a second of work.</param>
/// <param name="waiting">Handshakes that wait: what is done within the time that a peer waits.</param>
public sealed class HandshakeLimit(int concurrent = 256, int waiting = 1024) : IDisposable
{
    private readonly SemaphoreSlim _places = new(concurrent, concurrent);
    private int _waiting;

    /// <summary>For the connections that this process accepts, on all its loops.</summary>
    public static HandshakeLimit Accepting { get; } = new();

    /// <summary>For those that it opens: a flood from outside must not keep it from them.</summary>
    public static HandshakeLimit Opening { get; } = new();

    internal async ValueTask EnterAsync(TimeSpan timeout, CancellationToken cancellation)
    {
        if (await _places.WaitAsync(TimeSpan.Zero, CancellationToken.None))
        {
            return;
        }

        try
        {
            if (Interlocked.Increment(ref _waiting) > waiting || !await _places.WaitAsync(timeout, cancellation))
            {
                throw new TlsException(
                    TlsFailure.TooManyHandshakes,
                    $"More than {concurrent} TLS handshakes are under way, and this one cannot wait: the node is overloaded or attacked.");
            }
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    internal void Leave() => _places.Release();

    /// <inheritdoc/>
    public void Dispose() => _places.Dispose();
}
