namespace Ambient.Linux;

/// <summary>What a non-blocking receive or send did.</summary>
/// <param name="Count">Bytes moved; 0 on error.</param>
/// <param name="Error">The kernel's error, or <see cref="Errno.None"/>.</param>
public readonly record struct IoResult(int Count, Errno Error)
{
    /// <summary>Nothing could be moved now: wait for readiness, then try again.</summary>
    public bool WouldBlock => Error == Errno.EAGAIN;

    /// <summary>The call succeeded.</summary>
    public bool Ok => Error == Errno.None;

    /// <summary>For a receive into a buffer that was not empty: the peer has sent its last byte.</summary>
    public bool EndOfStream => Error == Errno.None && Count == 0;
}
