using System.Buffers;
using System.Text;
using Ambient.Http.Http1;
using Ambient.Http.Tests.Support;
using FsCheck;
using FsCheck.Fluent;

namespace Ambient.Http.Tests.Http1;

/// <summary>What holds for every body, however it is cut on its way and however it is read.</summary>
public sealed class BodyPropertyTests
{
    /// <summary>A body as a peer cuts it into chunks, how it cuts those into packets, and how many bytes the reader takes at a time.</summary>
    private static Gen<(string[] Chunks, int Packet, int Taken)> Cuts =>
        from sizes in Gen.Choose(1, 40).ListOf()
        from packet in Gen.Elements(1, 2, 3, 7, 16, 1_000)
        from taken in Gen.Elements(1, 3, 10, 1_000)
        select (sizes.Select((size, index) => new string((char)('a' + (index % 26)), size)).ToArray(), packet, taken);

    [Fact]
    public void A_chunked_body_is_read_whole_whatever_the_reader_takes_and_leaves() =>
        Prop.ForAll(Arb.From(Cuts), cut =>
        {
            var (chunks, packet, taken) = cut;
            var body = string.Concat(chunks);
            var sent = string.Concat(chunks.Select((chunk, index) => $"{chunk.Length:x}{(index % 3 == 0 ? ";e=1" : "")}\r\n{chunk}\r\n")) + "0\r\nx-t: 1\r\n\r\n";
            return ReadInPieces($"Transfer-Encoding: chunked\r\n\r\n{sent}", packet, taken) == body;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(400));

    [Fact]
    public void A_body_of_known_length_is_read_whole_whatever_the_reader_takes_and_leaves() =>
        Prop.ForAll(Arb.From(Cuts), cut =>
        {
            var body = string.Concat(cut.Chunks);
            return ReadInPieces($"Content-Length: {body.Length}\r\n\r\n{body}", cut.Packet, cut.Taken) == body;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(400));

    /// <summary>Chunks that our writer makes are those that our reader, and the grammar, know.</summary>
    [Fact]
    public void What_is_written_in_chunks_is_what_is_read() =>
        Prop.ForAll(Arb.From(Gen.Choose(1, 70_000).ListOf(6)), sizes =>
        {
            var transport = new MemoryTransport();
            var server = new Http1ServerConnection(transport.Near, new HttpLimits(), new TestHandler(async exchange =>
            {
                exchange.Respond(new ResponseHead { Status = 200, HasBody = true }, endStream: false);
                foreach (var size in sizes)
                {
                    await exchange.ResponseBody.WriteTextAsync(new string('b', size));
                }

                exchange.Complete();
            }));
            var running = server.RunAsync();
            transport.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            var answer = transport.Received();
            var client = new MemoryTransport();
            var connection = new Http1ClientConnection(client.Near, new HttpLimits());
            var reading = connection.RunAsync();
            using var exchange = connection.Send(new RequestHead { Authority = "a", Path = "/" }, endStream: true);
            client.Send(answer, pieces: 10_000);
            var text = ReadAsync(exchange);
            transport.CloseFar();
            return text is { IsCompletedSuccessfully: true } && running.IsCompleted && !reading.IsFaulted && Length(text) == sizes.Sum();
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(60));

    /// <summary>No bytes at all make the connection do anything but answer, wait or end.</summary>
    [Fact]
    public void Noise_is_answered_or_waited_for_and_never_fails() =>
        Prop.ForAll(
            Arb.From(from pieces in Gen.Elements(
                    "GET ", "POST ", "/x", " HTTP/1.1", "\r\n", "\n", "\r", "Host: a", "Host:", ":", "Content-Length: 5", "Transfer-Encoding: chunked", "\0", " ", "\t", "5\r\n",
                    "hello", "0\r\n\r\n", "Connection: close", "Upgrade: websocket", "Connection: upgrade", "\u00ff", "Expect: 100-continue", "GET / HTTP/1.1\r\nHost: a\r\n").ListOf()
                from packet in Gen.Elements(1, 5, 1_000)
                select (Text: string.Concat(pieces), Packet: packet)),
            noise =>
            {
                var transport = new MemoryTransport();
                var server = new Http1ServerConnection(transport.Near, new HttpLimits(), new TestHandler(async exchange =>
                {
                    try
                    {
                        await exchange.RequestBody.ReadTextAsync();
                        exchange.Respond(new ResponseHead { Status = 200 }, endStream: true);
                    }
                    catch (HttpException)
                    {
                        // as a forwarder does
                    }
                }));
                var running = server.RunAsync();
                transport.Send(noise.Text, noise.Packet);
                transport.CloseFar();
                var answers = transport.Received();
                return running.IsCompletedSuccessfully && (answers.Length == 0 || answers.StartsWith("HTTP/1.1 ", StringComparison.Ordinal));
            }).Check(Config.QuickThrowOnFailure.WithMaxTest(3_000));

    private static int Length(Task<string> text) => text.IsCompletedSuccessfully ? text.GetAwaiter().GetResult().Length : -1;

    private static async Task<string> ReadAsync(IClientExchange exchange)
    {
        await exchange.ResponseAsync();
        return await exchange.ResponseBody.ReadTextAsync();
    }

    /// <summary>What a handler reads that takes so many bytes at a time and looks at no more than it has to; and that the next request is found behind it.</summary>
    private static string? ReadInPieces(string rest, int packet, int taken)
    {
        string? text = null;
        var requests = 0;
        var transport = new MemoryTransport();
        var server = new Http1ServerConnection(transport.Near, new HttpLimits(), new TestHandler(async exchange =>
        {
            requests++;
            var read = new StringBuilder();
            while (true)
            {
                var result = await exchange.RequestBody.ReadAsync();
                var piece = result.Buffer.Slice(0, Math.Min(result.Buffer.Length, taken));
                read.Append(Encoding.Latin1.GetString(piece));
                var isLast = result.IsCompleted && piece.Length == result.Buffer.Length;
                exchange.RequestBody.AdvanceTo(piece.End, taken % 2 == 0 ? piece.End : result.Buffer.Length == piece.Length ? result.Buffer.End : piece.End);
                if (isLast)
                {
                    break;
                }
            }

            text ??= read.ToString();
            exchange.Respond(new ResponseHead { Status = 200 }, endStream: true);
        }));
        var running = server.RunAsync();
        transport.Send($"POST / HTTP/1.1\r\nHost: a\r\n{rest}GET /next HTTP/1.1\r\nHost: a\r\n\r\n", packet);
        transport.CloseFar();
        return running.IsCompletedSuccessfully && requests == 2 ? text : null;
    }
}
