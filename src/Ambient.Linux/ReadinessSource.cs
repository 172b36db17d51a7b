using System.Threading.Tasks.Sources;

namespace Ambient.Linux;

/// <summary>
/// Who waits for one direction of a socket: at most one, who is continued inline on the loop. Its own reusable task source, so that
/// waiting allocates nothing after the first time.
/// </summary>
internal sealed class ReadinessSource : IValueTaskSource
{
    private ManualResetValueTaskSourceCore<bool> _core;
    private bool _waiting;

    public ValueTask WaitAsync()
    {
        if (_waiting)
        {
            throw new InvalidOperationException("Somebody waits for this direction of the socket already.");
        }

        _waiting = true;
        _core.Reset();
        return new ValueTask(this, _core.Version);
    }

    /// <summary>Continues the waiter, if there is one: the direction is ready, or there is a deadline to look at.</summary>
    public void Wake()
    {
        if (_waiting)
        {
            _waiting = false;
            _core.SetResult(true);
        }
    }

    void IValueTaskSource.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags & ~ValueTaskSourceOnCompletedFlags.UseSchedulingContext);
}
