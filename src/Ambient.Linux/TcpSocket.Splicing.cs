namespace Ambient.Linux;

public sealed partial class TcpSocket
{
    /// <summary>Moves received bytes into an empty pipe: a refusal can then only mean that the socket has none.</summary>
    internal IoResult TrySpliceTo(KernelPipe pipe)
    {
        if (_descriptor < 0)
        {
            return new IoResult(0, Errno.EBADF);
        }

        // A short splice says nothing (it is bounded by the pipe's slots, not only by bytes): only a refusal clears readiness.
        var result = Libc.Splice(_descriptor, pipe.WriteEnd, pipe.Capacity);
        if (result.WouldBlock)
        {
            _isReadable = false;
        }

        return result;
    }

    /// <summary>Sends bytes that are known to be in the pipe: a refusal can then only mean that the socket takes none.</summary>
    internal IoResult TrySpliceFrom(KernelPipe pipe, int length)
    {
        if (_descriptor < 0)
        {
            return new IoResult(0, Errno.EBADF);
        }

        var result = Libc.Splice(pipe.ReadEnd, _descriptor, length);
        if (result.WouldBlock)
        {
            _isWritable = false;
        }

        return result;
    }
}
