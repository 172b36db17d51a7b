using System.IO.Pipelines;
using System.Net;
using Ambient.Linux;

namespace Ambient.Proxy.Transports;

/// <summary>
/// A plaintext connection as a pair of pipes, on its socket's loop only. Receives only when asked and only when something is there; what
/// a loop's turn writes leaves in one send; an idle connection holds no buffer. Each direction ends by itself: completing
/// <see cref="Output"/> sends FIN.
/// </summary>
public sealed class SocketPipe : IDuplexPipe, ISocketEvents, IDisposable
{
    private readonly TcpSocket _socket;
    private readonly SocketReader _input;
    private readonly SocketWriter _output;

    /// <summary>Takes over a connected socket.</summary>
    public SocketPipe(TcpSocket socket)
    {
        _socket = socket;
        RemoteEndPoint = socket.RemoteEndPoint;
        _input = new SocketReader(this, socket);
        _output = new SocketWriter(this, socket);
        socket.Attach(this);
    }

    /// <summary>The peer's address.</summary>
    public IPEndPoint RemoteEndPoint { get; }

    /// <summary>Whether the connection was closed or broke.</summary>
    public bool IsClosed => _socket.IsClosed;

    /// <summary>What the peer sends. Reading fails with <see cref="LinuxException"/> when the connection breaks.</summary>
    public PipeReader Input => _input;

    /// <summary>What goes to the peer, at the end of the loop's turn in which it was flushed.</summary>
    public PipeWriter Output => _output;

    /// <summary>
    /// Ends the connection in order: sends what was written and FIN, waits until the peer has ended too, so that nothing under way to it
    /// is destroyed by a reset, and closes. Bounded by the time given, then cut.
    /// </summary>
    public async Task CloseAsync(TimeSpan timeout)
    {
        using var deadline = _socket.Loop.After(timeout, static pipe => ((SocketPipe)pipe!).Dispose(), this);
        await _output.CompleteAsync();
        await _input.DiscardAsync();
        Dispose();
    }

    /// <summary>Breaks the connection now, with a reset; the peer sees an error, not an end.</summary>
    public void Abort() => _socket.Abort();

    /// <summary>Closes the connection now; what waits to be sent is lost. Idempotent.</summary>
    public void Dispose() => _socket.Dispose();

    void ISocketEvents.OnReadable() => _input.OnReadable();

    void ISocketEvents.OnWritable() => _output.OnWritable();

    void ISocketEvents.OnClosed()
    {
        var failure = new LinuxException(Errno.EBADF, $"the connection with {RemoteEndPoint} was closed by this side");
        _output.Fail(failure);
        _input.Close(failure);
    }

    /// <summary>Nothing more can be received: the connection is over.</summary>
    internal void ReceiveFailed(Errno error)
    {
        var failure = new LinuxException(error, $"receive from {RemoteEndPoint}");
        _output.Fail(failure);
        _input.Fail(failure);
        _socket.Dispose();
    }

    /// <summary>The peer takes no more; what it sent before, as an early answer, can still be read.</summary>
    internal void SendFailed(Errno error) => _output.Fail(new LinuxException(error, $"send to {RemoteEndPoint}"));
}
