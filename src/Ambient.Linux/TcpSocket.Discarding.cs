using System.Diagnostics;

namespace Ambient.Linux;

public sealed partial class TcpSocket
{
    /// <summary>
    /// Receives and forgets up to so many bytes: the kernel drops them without a copy (<c>MSG_TRUNC</c>, tcp(7)). For readers that
    /// only count, as a sink of a measurement.
    /// </summary>
    public IoResult TryDiscard(int length)
    {
        Debug.Assert(Loop.IsCurrent, "A socket is used on its loop only.");
        if (_descriptor < 0)
        {
            return new IoResult(0, Errno.EBADF);
        }

        var result = Libc.Discard(_descriptor, length);
        if (result.WouldBlock || (result.Ok && result.Count < length && !_noMoreEdges))
        {
            _isReadable = false;
        }

        return result;
    }
}
