using Ambient.Linux;

namespace Ambient.Identity.Tls;

/// <summary>
/// Carries the bytes of one handshake between libssl and the socket, within its time: receive, one call of libssl, one send for
/// all that it answers. Between the steps it holds no buffer.
/// </summary>
internal sealed class TlsHandshake(TcpSocket socket, TlsContext context, PeerPolicy policy, TimeSpan timeout)
{
    private TlsException? _cut;
    private byte[] _received = [];
    private ReadOnlyMemory<byte> _unsent;

    /// <summary>When it took its place, in the loop's milliseconds.</summary>
    public long Began { get; private set; }

    public async ValueTask<TlsConnection> RunAsync(HandshakeLimit limit, CancellationToken cancellation)
    {
        TlsConnection? connection = null;
        LinkedListNode<TlsHandshake>? place = null;
        using var deadline = socket.Loop.After(timeout, static handshake => ((TlsHandshake)handshake!).TimeOut(), this);
        var cancelled = cancellation.UnsafeRegister(static state => ((TcpSocket)state!).Dispose(), socket);
        try
        {
            if (context.Role == TlsRole.Server)
            {
                // Who connects and says nothing holds a socket until the deadline, but no place that others need.
                await socket.WaitReadableAsync();
            }

            Began = socket.Loop.NowMilliseconds;
            place = limit.Enter(this, socket.Loop);
            connection = await ShakeHandsAsync();
            return connection;
        }
        catch (TlsException) when (cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellation);
        }
        finally
        {
            cancelled.Unregister();
            if (place is not null)
            {
                limit.Leave(place);
            }

            if (connection is null)
            {
                socket.Dispose();
            }
        }
    }

    /// <summary>Ends it now, for a reason of ours.</summary>
    public void Cut(TlsException reason)
    {
        _cut ??= reason;
        socket.Dispose();
    }

    private void TimeOut() => Cut(new TlsException(
        TlsFailure.HandshakeTimeout,
        $"The TLS handshake was not over after {timeout.TotalSeconds:0.###} s: the peer does not answer, or is overloaded."));

    private async ValueTask<TlsConnection> ShakeHandsAsync()
    {
        var turns = HandshakeTurns.Of(socket.Loop);
        await turns.NextAsync(socket);
        var session = new TlsSession(context, policy);
        try
        {
            var state = context.Role == TlsRole.Client ? Step(session, [], ended: false) : HandshakeState.NeedsInput;
            while (true)
            {
                await SendRestAsync();
                switch (state)
                {
                    case HandshakeState.Complete:
                        return new TlsConnection(socket, context, session, _received);
                    case HandshakeState.Failed:
                        throw session.Failure;
                    default:
                        await socket.WaitReadableAsync();
                        await turns.NextAsync(socket);
                        state = Receive(session);
                        break;
                }
            }
        }
        catch (Exception)
        {
            session.Dispose();
            throw;
        }
    }

    private HandshakeState Receive(TlsSession session)
    {
        var buffer = RecordBuffer.Rent(large: false);
        try
        {
            var got = socket.TryReceive(buffer.Bytes);
            return got.Ok ? Step(session, buffer.Bytes.AsSpan(0, got.Count), ended: got.EndOfStream)
                : got.WouldBlock ? HandshakeState.NeedsInput
                : throw Broken("receive", got.Error);
        }
        finally
        {
            buffer.Release();
        }
    }

    private HandshakeState Step(TlsSession session, ReadOnlySpan<byte> input, bool ended)
    {
        // libssl asks for more only when it has taken all; what it leaves at the end belongs to the connection.
        var state = session.Handshake(input, ended, out var consumed);
        _received = input[consumed..].ToArray();
        var output = TlsSession.Output;
        if (!output.IsEmpty)
        {
            var sent = socket.TrySend(output);
            if (!sent.Ok && !sent.WouldBlock && state != HandshakeState.Failed)
            {
                throw Broken("send", sent.Error);
            }

            _unsent = output[sent.Count..].ToArray();
        }

        return state;
    }

    /// <summary>What the kernel did not take at once, which is rare: a flight is a few kilobytes, and the first thing that is sent.</summary>
    private async ValueTask SendRestAsync()
    {
        while (!_unsent.IsEmpty)
        {
            await socket.WaitWritableAsync();
            var sent = socket.TrySend(_unsent.Span);
            if (sent.Ok)
            {
                _unsent = _unsent[sent.Count..];
            }
            else if (!sent.WouldBlock)
            {
                throw Broken("send", sent.Error);
            }
        }
    }

    private TlsException Broken(string operation, Errno error) => _cut ?? new TlsException(
        error is Errno.ECONNRESET or Errno.EPIPE ? TlsFailure.ClosedDuringHandshake : TlsFailure.ConnectionLost,
        $"The connection broke during the TLS handshake: {operation}: {LinuxException.Describe(error)}.");
}
