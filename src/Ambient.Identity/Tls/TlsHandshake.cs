using Ambient.Identity.OpenSsl;
using Ambient.Linux;

namespace Ambient.Identity.Tls;

/// <summary>Carries the bytes of one handshake between libssl and the socket, within its time.</summary>
internal sealed class TlsHandshake(TcpSocket socket, TlsContext context, PeerPolicy policy, TimeSpan timeout)
{
    private bool _timedOut;

    public async ValueTask<TlsConnection> RunAsync(HandshakeLimit limit, CancellationToken cancellation)
    {
        TlsConnection? connection = null;
        using var over = new CancellationTokenSource();
        var deadline = CutAfterAsync(over.Token);
        var cancelled = cancellation.UnsafeRegister(static state => ((TcpSocket)state!).Dispose(), socket);
        try
        {
            if (context.Role == TlsRole.Server)
            {
                // Who connects and says nothing holds a socket until the deadline, but no place that others wait for.
                await socket.WaitReadableAsync();
            }

            await limit.EnterAsync(timeout, cancellation);
            try
            {
                connection = await ShakeHandsAsync();
                return connection;
            }
            finally
            {
                limit.Leave();
            }
        }
        catch (TlsException) when (cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellation);
        }
        finally
        {
            cancelled.Unregister();
            await over.CancelAsync();
            await deadline;
            if (connection is null)
            {
                socket.Dispose();
            }
        }
    }

    private async ValueTask<TlsConnection> ShakeHandsAsync()
    {
        var session = new TlsSession(context, policy);
        var buffer = RecordBuffer.Rent(large: false);
        try
        {
            var held = 0;
            var ended = false;
            while (true)
            {
                var state = session.Handshake(buffer.Bytes.AsSpan(0, held), ended, out var consumed);
                buffer.Bytes.AsSpan(consumed, held - consumed).CopyTo(buffer.Bytes);
                held -= consumed;
                await SendAsync(TlsSession.Output.ToArray());
                switch (state)
                {
                    case HandshakeState.Complete:
                        return new TlsConnection(socket, context, session, buffer.Bytes.AsSpan(0, held));
                    case HandshakeState.Failed:
                        throw session.Failure;
                    default:
                        (held, ended) = await ReceiveAsync(buffer, held);
                        break;
                }
            }
        }
        catch (Exception)
        {
            session.Dispose();
            throw;
        }
        finally
        {
            buffer.Release();
        }
    }

    private async ValueTask<(int Held, bool Ended)> ReceiveAsync(RecordBuffer buffer, int held)
    {
        while (true)
        {
            await socket.WaitReadableAsync();
            var got = socket.TryReceive(buffer.Bytes.AsSpan(held));
            if (got.Ok)
            {
                return (held + got.Count, got.Count == 0);
            }

            if (!got.WouldBlock)
            {
                throw Broken("receive", got.Error);
            }
        }
    }

    private async ValueTask SendAsync(ReadOnlyMemory<byte> data)
    {
        while (!data.IsEmpty)
        {
            await socket.WaitWritableAsync();
            var sent = socket.TrySend(data.Span);
            if (sent.Ok)
            {
                data = data[sent.Count..];
            }
            else if (!sent.WouldBlock)
            {
                throw Broken("send", sent.Error);
            }
        }
    }

    private TlsException Broken(string operation, Errno error) => _timedOut
        ? new TlsException(
            TlsFailure.HandshakeTimeout,
            $"The TLS handshake was not over after {timeout.TotalSeconds:0.###} s: the peer does not answer, or is overloaded.")
        : new TlsException(
            error is Errno.ECONNRESET or Errno.EPIPE ? TlsFailure.ClosedDuringHandshake : TlsFailure.ConnectionLost,
            $"The connection broke during the TLS handshake: {operation}: {LinuxException.Describe(error)}.");

    private async Task CutAfterAsync(CancellationToken cancellation)
    {
        try
        {
            await socket.Loop.DelayAsync(timeout, cancellation);
            _timedOut = true;
            socket.Dispose();
        }
        catch (OperationCanceledException)
        {
            // Done in time.
        }
    }
}
