using System.Buffers;
using System.Threading.Tasks.Sources;
using Ambient.Hbone;
using Ambient.Linux;

namespace Ambient.Proxy.Relaying;

/// <summary>
/// Moves bytes between an application's socket and a tunnel's stream, both ways at once. Each direction ends by itself
/// (half-close); the relay ends when both have. Bytes are received straight into the records that the tunnel will send, and sent
/// straight from those that it received: nothing is copied, allocated or handed to another thread for a chunk. One object for each
/// connection, told by socket and stream what there is to do: an idle connection holds no more than that.
/// </summary>
public abstract class TunnelRelay : ISocketEvents, IStreamRelay
{
    /// <summary>A full record's payload: what a connection that sends little asks memory for.</summary>
    private const int LeastReceive = 16_375;

    /// <summary>A stream's quantum, in one receive.</summary>
    private const int MostReceive = 256 * 1024;

    private TcpSocket _application = null!; // set by Start, before which nothing happens
    private Http2Stream _tunnel = null!;
    private RelayEnd _end;
    private int _wanted = LeastReceive;
    private bool _sendingEnded;
    private bool _receivingEnded;
    private bool _isOver;

    /// <summary>Relays until both directions have ended. Never throws for what a peer does; the caller owns socket and stream.</summary>
    /// <param name="application">The application's socket.</param>
    /// <param name="tunnel">The stream to its peer.</param>
    /// <param name="applicationIsClient">Which way <paramref name="counter"/> counts.</param>
    /// <param name="counter">Told of each chunk that was passed on.</param>
    /// <returns>The first error of the two directions, or a clean end.</returns>
    public static ValueTask<RelayEnd> RunAsync(
        TcpSocket application, Http2Stream tunnel, bool applicationIsClient, IRelayCounter counter)
    {
        var relay = new AwaitedRelay(applicationIsClient, counter);
        var over = relay.Over;
        relay.Start(application, tunnel);
        return over;
    }

    /// <summary>Bytes were passed on; called for each chunk, so it must be cheap and must not wait.</summary>
    protected abstract void OnMoved(int bytes, bool fromApplication);

    /// <summary>Both directions have ended: once, with the first error of the two or a clean end. Socket and stream may be disposed.</summary>
    protected abstract void OnOver(RelayEnd end);

    /// <summary>Begins to relay. Never throws for what a peer does; the caller owns socket and stream.</summary>
    protected void Start(TcpSocket application, Http2Stream tunnel)
    {
        _application = application;
        _tunnel = tunnel;
        if (application.IsClosed)
        {
            Fail(Errno.EBADF);
            return;
        }

        application.Attach(this);
        tunnel.Attach(this);
        SendQueued();
        Send();
    }

    void ISocketEvents.OnReadable() => Send();

    void IStreamRelay.OnTurn() => Send();

    void ISocketEvents.OnWritable() => SendQueued();

    void ISocketEvents.OnClosed() => Fail(Errno.EBADF);

    /// <summary>
    /// While the application takes bytes as fast as they come, they go to its socket from the memory they were decrypted in.
    /// What it does not take at once is queued until its socket is writable again.
    /// </summary>
    long IStreamReceiver.Receive(in ReadOnlySequence<byte> bytes)
    {
        var taken = 0L;
        while (taken < bytes.Length && TrySend(taken == 0 ? bytes : bytes.Slice(taken), out var count))
        {
            taken += count;
        }

        return taken;
    }

    void IStreamRelay.OnEnd()
    {
        if (_sendingEnded && _receivingEnded)
        {
            return;
        }

        _receivingEnded = true;
        if (_tunnel.ResetCode is null)
        {
            _application.ShutdownSend();
        }
        else
        {
            // The peer wants nothing more either: an application that keeps its side open would hold the connection for ever.
            // What it still sends is refused. It learns a reset as a reset, unless the peer's own bytes had ended in good order
            // before (RFC 9113 section 8.5): an end would tell it that it has got everything.
            _sendingEnded = true;
            if (_tunnel.WasCutShort)
            {
                _application.Abort();
            }
            else
            {
                _application.Dispose();
            }
        }

        EndIfOver();
    }

    void IStreamRelay.OnFailed(IOException error) =>
        Fail(error is Http2StreamException stream ? RelayEnd.Of(stream.Code, stream.Message) : new RelayEnd(error.Message));

    /// <summary>Application to tunnel, as long as there is something and it is the stream's turn.</summary>
    private void Send()
    {
        while (!_sendingEnded && _application.IsReadable)
        {
            // Memory is asked for only once there is something to put into it: an idle connection holds none.
            var places = _tunnel.Lend(_wanted);
            if (places.IsEmpty)
            {
                _tunnel.RequestTurn();
                return;
            }

            var received = _application.TryReceive(places.Memory.Span, places.First, places.Each, places.Gap);
            _tunnel.Commit(received.Count);
            if (received.EndOfStream)
            {
                _sendingEnded = true;
                _tunnel.EndOutput();
                EndIfOver();
            }
            else if (received.Ok)
            {
                OnMoved(received.Count, fromApplication: true);
                _wanted = received.Count < LeastReceive ? LeastReceive : MostReceive;
            }
            else if (!received.WouldBlock)
            {
                Fail(received.Error);
            }
        }
    }

    /// <summary>Tunnel to application: what could not be sent when it came.</summary>
    private void SendQueued()
    {
        while (!_receivingEnded && _tunnel.Queued is { IsEmpty: false } queued && TrySend(queued, out var count))
        {
            // Only for what was sent the peer gets credit.
            _tunnel.Consume(count);
        }
    }

    private bool TrySend(in ReadOnlySequence<byte> bytes, out int count)
    {
        count = 0;
        if (_receivingEnded || !_application.IsWritable)
        {
            return false;
        }

        var sent = _application.TrySend(bytes);
        if (sent.Ok)
        {
            count = sent.Count;
            OnMoved(count, fromApplication: false);
        }
        else if (!sent.WouldBlock)
        {
            Fail(sent.Error);
        }

        return sent.Ok;
    }

    /// <summary>The application is gone: its peer learns it as a reset.</summary>
    private void Fail(Errno error) => Fail(RelayEnd.Of(error));

    /// <summary>One side broke: the other learns it as a reset, because its peer did not end in good order.</summary>
    private void Fail(RelayEnd end)
    {
        if (_sendingEnded && _receivingEnded)
        {
            return;
        }

        _end = end;
        _sendingEnded = _receivingEnded = true;
        _tunnel.Reset(Http2ErrorCode.Cancel);
        _application.Abort();
        EndIfOver();
    }

    private void EndIfOver()
    {
        // Once: what ends one direction may end the other while it is at it.
        if (_sendingEnded && _receivingEnded && !_isOver)
        {
            _isOver = true;
            OnOver(_end);
        }
    }

    /// <summary>A relay that somebody awaits.</summary>
    private sealed class AwaitedRelay(bool applicationIsClient, IRelayCounter counter) : TunnelRelay, IValueTaskSource<RelayEnd>
    {
        private ManualResetValueTaskSourceCore<RelayEnd> _over;

        public ValueTask<RelayEnd> Over => new(this, _over.Version);

        public new void Start(TcpSocket application, Http2Stream tunnel) => base.Start(application, tunnel);

        RelayEnd IValueTaskSource<RelayEnd>.GetResult(short token) => _over.GetResult(token);

        ValueTaskSourceStatus IValueTaskSource<RelayEnd>.GetStatus(short token) => _over.GetStatus(token);

        void IValueTaskSource<RelayEnd>.OnCompleted(
            Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            _over.OnCompleted(continuation, state, token, flags & ~ValueTaskSourceOnCompletedFlags.UseSchedulingContext);

        protected override void OnMoved(int bytes, bool fromApplication)
        {
            if (fromApplication == applicationIsClient)
            {
                counter.FromClient(bytes);
            }
            else
            {
                counter.FromServer(bytes);
            }
        }

        protected override void OnOver(RelayEnd end) => _over.SetResult(end);
    }
}
