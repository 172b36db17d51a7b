using System.Runtime.CompilerServices;

namespace Ambient.Identity.Tls;

/// <summary>
/// Waits for one direction of a socket with a callback instead of an async method: the readers and writers are state
/// machines of their own, and a wait costs nothing. The callback may find that nobody needs it any more.
/// </summary>
internal sealed class SocketWait
{
    private readonly Action _whenReady;
    private readonly Action _continuation;
    private ValueTaskAwaiter _awaiter;

    public SocketWait(Action whenReady)
    {
        _whenReady = whenReady;
        _continuation = Continue;
    }

    /// <summary>Whether the callback is due.</summary>
    public bool IsWaiting { get; private set; }

    /// <summary>Looks at a fresh wait of the socket: true if it is over already, else the callback follows.</summary>
    public bool IsReady(ValueTask wait)
    {
#pragma warning disable VSTHRD002, CA2012 // No blocking: the result is only taken once the wait is over.
        var awaiter = wait.GetAwaiter();
        if (awaiter.IsCompleted)
        {
            awaiter.GetResult();
            return true;
        }
#pragma warning restore VSTHRD002, CA2012

        IsWaiting = true;
        _awaiter = awaiter;
        _awaiter.UnsafeOnCompleted(_continuation);
        return false;
    }

    private void Continue()
    {
        IsWaiting = false;
#pragma warning disable VSTHRD002 // It is over: that is why we are called.
        _awaiter.GetResult();
#pragma warning restore VSTHRD002
        _whenReady();
    }
}
