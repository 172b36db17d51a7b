namespace Ambient.Linux;

/// <summary>
/// Error numbers of Linux that callers tell apart, with the values of <c>asm-generic/errno.h</c> (the same on x86-64
/// and ARM64). Other values pass through unnamed.
/// </summary>
public enum Errno
{
    /// <summary>No error.</summary>
    None = 0,

    /// <summary>Operation not permitted.</summary>
    EPERM = 1,

    /// <summary>No such file, or no such conntrack entry.</summary>
    ENOENT = 2,

    /// <summary>No such process.</summary>
    ESRCH = 3,

    /// <summary>Interrupted by a signal.</summary>
    EINTR = 4,

    /// <summary>Input or output error.</summary>
    EIO = 5,

    /// <summary>The descriptor is closed.</summary>
    EBADF = 9,

    /// <summary>Would block: wait and try again.</summary>
    EAGAIN = 11,

    /// <summary>Out of memory.</summary>
    ENOMEM = 12,

    /// <summary>Permission denied.</summary>
    EACCES = 13,

    /// <summary>Resource busy.</summary>
    EBUSY = 16,

    /// <summary>Exists already.</summary>
    EEXIST = 17,

    /// <summary>No such device.</summary>
    ENODEV = 19,

    /// <summary>Invalid argument.</summary>
    EINVAL = 22,

    /// <summary>The system's table of open files is full.</summary>
    ENFILE = 23,

    /// <summary>The process's limit of open files is reached.</summary>
    EMFILE = 24,

    /// <summary>The peer stopped reading.</summary>
    EPIPE = 32,

    /// <summary>Protocol error, or aborted handshake on accept.</summary>
    EPROTO = 71,

    /// <summary>Message too long for its buffer.</summary>
    EMSGSIZE = 90,

    /// <summary>Option unknown to this kernel or socket.</summary>
    ENOPROTOOPT = 92,

    /// <summary>Operation not supported.</summary>
    EOPNOTSUPP = 95,

    /// <summary>Address family not supported, as IPv6 on a kernel without it.</summary>
    EAFNOSUPPORT = 97,

    /// <summary>Address in use.</summary>
    EADDRINUSE = 98,

    /// <summary>Address is not local.</summary>
    EADDRNOTAVAIL = 99,

    /// <summary>Network is down.</summary>
    ENETDOWN = 100,

    /// <summary>No route to the network.</summary>
    ENETUNREACH = 101,

    /// <summary>The connection was aborted before it was accepted.</summary>
    ECONNABORTED = 103,

    /// <summary>Reset by the peer.</summary>
    ECONNRESET = 104,

    /// <summary>No buffer space.</summary>
    ENOBUFS = 105,

    /// <summary>Connected already.</summary>
    EISCONN = 106,

    /// <summary>Not connected.</summary>
    ENOTCONN = 107,

    /// <summary>Timed out by the kernel (retransmissions, keep-alive, user timeout).</summary>
    ETIMEDOUT = 110,

    /// <summary>Nobody listens there.</summary>
    ECONNREFUSED = 111,

    /// <summary>No route to the host.</summary>
    EHOSTUNREACH = 113,

    /// <summary>In progress already.</summary>
    EALREADY = 114,

    /// <summary>A non-blocking connect has begun.</summary>
    EINPROGRESS = 115,
}
