using System.Buffers;
using System.Threading.Tasks.Sources;
using Ambient.Hbone;

namespace Ambient.Proxy.Relaying;

/// <summary>
/// Moves bytes between two streams of tunnels on one loop, both ways at once, each direction ending by itself. Bytes are copied once, from
/// the memory they were decrypted in to the records that the other tunnel will send; what the other side does not take waits in the queue
/// of the stream it came on, whose peer gets no credit for it. One object and its two ends for each connection.
/// </summary>
public sealed class StreamRelay : IValueTaskSource<RelayEnd>
{
    private readonly End _client;
    private readonly End _server;
    private readonly IRelayCounter _counter;
    private ManualResetValueTaskSourceCore<RelayEnd> _over;
    private RelayEnd _end;
    private bool _isOver;

    private StreamRelay(Http2Stream client, Http2Stream server, IRelayCounter counter)
    {
        _client = new End(this, client);
        _server = new End(this, server);
        _counter = counter;
    }

    /// <summary>Relays until both directions have ended. Never throws for what a peer does; the caller owns both streams.</summary>
    /// <param name="client">The stream that a client opened to us, answered already.</param>
    /// <param name="server">The stream that we opened to a server, which has answered.</param>
    /// <param name="counter">Told of each chunk that was passed on.</param>
    /// <returns>The first error of the two directions, or a clean end.</returns>
    public static ValueTask<RelayEnd> RunAsync(Http2Stream client, Http2Stream server, IRelayCounter counter)
    {
        var relay = new StreamRelay(client, server, counter);
        var over = new ValueTask<RelayEnd>(relay, relay._over.Version);
        client.Attach(relay._client);
        server.Attach(relay._server);
        relay._client.PassQueued();
        relay._server.PassQueued();
        return over;
    }

    RelayEnd IValueTaskSource<RelayEnd>.GetResult(short token) => _over.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<RelayEnd>.GetStatus(short token) => _over.GetStatus(token);

    void IValueTaskSource<RelayEnd>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _over.OnCompleted(continuation, state, token, flags & ~ValueTaskSourceOnCompletedFlags.UseSchedulingContext);

    private void Moved(End from, int bytes)
    {
        if (from == _client)
        {
            _counter.FromClient(bytes);
        }
        else
        {
            _counter.FromServer(bytes);
        }
    }

    /// <summary>One side broke: the other learns it as a reset, because its peer did not end in good order.</summary>
    private void Fail(RelayEnd end)
    {
        if (_client.HasEnded && _server.HasEnded)
        {
            return; // also what our own resets cause
        }

        _end = end;
        _client.HasEnded = _server.HasEnded = true;
        // A user who went away is no error for the other side; a tunnel that broke is (RFC 9113 section 8.5).
        var code = end.Error is null ? Http2ErrorCode.Cancel : Http2ErrorCode.ConnectError;
        _client.Stream.Reset(code);
        _server.Stream.Reset(code);
        EndIfOver();
    }

    private void EndIfOver()
    {
        // Once: what ends one direction may end the other while it is at it.
        if (_client.HasEnded && _server.HasEnded && !_isOver)
        {
            _isOver = true;
            _over.SetResult(_end);
        }
    }

    /// <summary>One of the streams, as the source of what is passed on to the other.</summary>
    private sealed class End(StreamRelay relay, Http2Stream stream) : IStreamRelay
    {
        public Http2Stream Stream => stream;

        /// <summary>What came on this stream has ended, and the end was passed on.</summary>
        public bool HasEnded { get; set; }

        private End Other => this == relay._client ? relay._server : relay._client;

        long IStreamReceiver.Receive(in ReadOnlySequence<byte> bytes) => HasEnded ? bytes.Length : Pass(bytes);

        void IStreamRelay.OnTurn() => Other.PassQueued();

        void IStreamRelay.OnEnd()
        {
            if (relay._isOver)
            {
                return;
            }

            HasEnded = true;
            if (stream.ResetCode is null)
            {
                Other.Stream.EndOutput();
            }
            else
            {
                // The peer wants nothing more either, and the other peer learns a reset as a reset (RFC 9113 section 8.5).
                Other.HasEnded = true;
                Other.Stream.Reset(Http2ErrorCode.Cancel);
            }

            relay.EndIfOver();
        }

        void IStreamRelay.OnFailed(IOException error) =>
            relay.Fail(error is Http2StreamException failure ? RelayEnd.Of(failure.Code, failure.Message) : new RelayEnd(error.Message));

        /// <summary>Passes on what came when the other stream could not take it.</summary>
        public void PassQueued()
        {
            while (!HasEnded && stream.Queued is { IsEmpty: false } queued && Pass(queued) is > 0 and var taken)
            {
                // Only for what was passed on the peer gets credit.
                stream.Consume(taken);
            }
        }

        /// <summary>Writes from the beginning as much as it is the other stream's turn to send.</summary>
        private long Pass(in ReadOnlySequence<byte> bytes)
        {
            var rest = bytes;
            while (!rest.IsEmpty && !HasEnded)
            {
                var places = Other.Stream.Lend((int)Math.Min(rest.Length, int.MaxValue));
                if (places.IsEmpty)
                {
                    Other.Stream.RequestTurn();
                    break;
                }

                var count = Fill(places, rest);
                Other.Stream.Commit(count);
                relay.Moved(this, count);
                rest = rest.Slice(count);
            }

            return bytes.Length - rest.Length;
        }

        private static int Fill(in Places places, ReadOnlySequence<byte> bytes)
        {
            var filled = 0;
            var memory = places.Memory.Span;
            for (var room = Math.Min(places.First, memory.Length); room > 0 && !bytes.IsEmpty;)
            {
                var count = (int)Math.Min(room, bytes.Length);
                bytes.Slice(0, count).CopyTo(memory);
                bytes = bytes.Slice(count);
                filled += count;
                if (count < room || memory.Length <= room + places.Gap)
                {
                    break;
                }

                memory = memory[(room + places.Gap)..];
                room = Math.Min(places.Each, memory.Length);
            }

            return filled;
        }
    }
}
