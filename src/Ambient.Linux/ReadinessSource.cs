using System.Threading.Tasks.Sources;

namespace Ambient.Linux;

/// <summary>
/// One direction of a socket's readiness: a flag kept from edges, and at most one waiter, who is continued inline on
/// the loop. It is its own reusable task source, so that waiting allocates nothing.
/// </summary>
internal sealed class ReadinessSource : IValueTaskSource
{
    private ManualResetValueTaskSourceCore<bool> _core;
    private bool _waiting;

    public bool IsReady { get; private set; }

    public ValueTask WaitAsync()
    {
        if (IsReady)
        {
            return default;
        }

        if (_waiting)
        {
            throw new InvalidOperationException("Somebody waits for this direction of the socket already.");
        }

        _waiting = true;
        _core.Reset();
        return new ValueTask(this, _core.Version);
    }

    /// <summary>Records an edge and continues the waiter.</summary>
    public void Signal()
    {
        IsReady = true;
        Wake();
    }

    /// <summary>Continues the waiter although nothing is ready, so that it looks at its deadline.</summary>
    public void Wake()
    {
        if (_waiting)
        {
            _waiting = false;
            _core.SetResult(true);
        }
    }

    /// <summary>The kernel has said that there is no more to do; the next edge will tell.</summary>
    public void Clear() => IsReady = false;

    void IValueTaskSource.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags & ~ValueTaskSourceOnCompletedFlags.UseSchedulingContext);
}
