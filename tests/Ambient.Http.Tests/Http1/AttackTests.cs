using System.Diagnostics;
using Ambient.Http.Http1;
using Ambient.Http.Tests.Support;

namespace Ambient.Http.Tests.Http1;

/// <summary>Bytes that are meant to cost us more than their sender.</summary>
public sealed class AttackTests
{
    [Fact]
    public void A_large_head_that_comes_byte_by_byte_is_not_read_over_and_over()
    {
        var server = Start();
        var watch = Stopwatch.StartNew();
        server.Transport.Send("GET / HTTP/1.1\r\nHost: a\r\n" + string.Concat(Enumerable.Range(0, 98).Select(index => $"x{index}: {new string('v', 590)}\r\n")), pieces: 1);
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(5));
        server.Transport.Send("\r\n");
        Assert.StartsWith("HTTP/1.1 200", server.Transport.Received(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("x: ")]
    [InlineData("")]
    public void A_head_without_end_is_refused_at_its_limit(string start)
    {
        var server = Start();
        server.Transport.Send("GET / HTTP/1.1\r\nHost: a\r\n" + start);
        server.Transport.Send(new string('v', 61_000));
        Assert.Equal("", server.Transport.Received());
        server.Transport.Send(new string('v', 1_000));
        Assert.StartsWith("HTTP/1.1 431", server.Transport.Received(out var isOver, out _), StringComparison.Ordinal);
        Assert.True(isOver);
    }

    [Fact]
    public void Empty_lines_instead_of_a_request_are_refused_at_the_limit_of_a_head()
    {
        var server = Start();
        for (var round = 0; round < 40; round++)
        {
            server.Transport.Send(string.Concat(Enumerable.Repeat("\r\n", 1_000)));
        }

        Assert.StartsWith("HTTP/1.1 431", server.Transport.Received(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1;" + "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" + "\r\nb\r\n", 1_000)]
    [InlineData("x-trailer: vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv\r\n", 200)]
    public void Framing_that_outweighs_its_data_is_refused(string piece, int count)
    {
        var server = Start();
        server.Transport.Send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + (piece[0] == 'x' ? "0\r\n" : ""));
        server.Transport.Send(string.Concat(Enumerable.Repeat(piece, count)));
        Assert.StartsWith("HTTP/1.1 400", server.Transport.Received(), StringComparison.Ordinal);
        Assert.Equal(RefusalReason.Body, Assert.Single(server.Handler.Refusals).Reason);
    }

    [Fact]
    public void A_chunks_size_line_without_end_is_refused()
    {
        var server = Start();
        server.Transport.Send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;" + new string('e', 9_000));
        Assert.StartsWith("HTTP/1.1 400", server.Transport.Received(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_client_that_reads_no_answers_gets_no_more_requests_served()
    {
        var server = Start(body: new string('b', 10_000));
        var sent = string.Concat(Enumerable.Repeat("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 500));
        server.Transport.Send(sent);
        server.Transport.Send(sent, mayWait: true);
        Assert.InRange(server.Requests(), 50, 150); // the transport's mebibyte, and what was being written
    }

    private static (MemoryTransport Transport, TestHandler Handler, Func<int> Requests) Start(string body = "")
    {
        var requests = 0;
        var handler = new TestHandler(async exchange =>
        {
            requests++;
            try
            {
                await exchange.RequestBody.ReadTextAsync();
            }
            catch (HttpException)
            {
                return;
            }

            exchange.Respond(new ResponseHead { Status = 200, HasBody = true, ContentLength = body.Length }, endStream: false);
            await exchange.ResponseBody.WriteTextAsync(body);
            exchange.Complete();
        });
        var transport = new MemoryTransport();
        _ = new Http1ServerConnection(transport.Near, new HttpLimits(), handler).RunAsync();
        return (transport, handler, () => requests);
    }
}
