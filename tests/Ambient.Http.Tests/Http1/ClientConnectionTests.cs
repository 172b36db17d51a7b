using Ambient.Http.Http1;
using Ambient.Http.Tests.Support;

namespace Ambient.Http.Tests.Http1;

/// <summary>What a client's connection makes of what servers do.</summary>
public sealed class ClientConnectionTests
{
    [Fact]
    public async Task A_connection_is_used_again_after_a_complete_exchange()
    {
        var client = new Sent();
        for (var round = 0; round < 3; round++)
        {
            using var exchange = client.Connection.Send(Get(), endStream: true);
            Assert.False(client.Connection.CanSend);
            Assert.Equal("GET /x HTTP/1.1\r\nhost: a\r\n\r\n", client.Transport.Received());
            client.Transport.Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", pieces: round + 1);
            var response = await exchange.ResponseAsync();
            Assert.Equal(2, response.ContentLength);
            Assert.Equal("ok", await exchange.ResponseBody.ReadTextAsync());
            Assert.True(exchange.IsComplete);
        }

        Assert.True(client.Connection.CanSend);
        Assert.Equal(3, client.CapacityChanges);
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")]
    [InlineData("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n")]
    public async Task A_connection_is_not_used_again_when_its_server_ends_it_or_says_too_much(string answer)
    {
        var client = new Sent();
        using (var exchange = client.Connection.Send(Get(), endStream: true))
        {
            client.Transport.Send(answer);
            await exchange.ResponseAsync();
            Assert.Equal("ok", await exchange.ResponseBody.ReadTextAsync());
            Assert.True(exchange.IsComplete);
        }

        Assert.False(client.Connection.CanSend);
        Assert.True(client.Running.IsCompletedSuccessfully);
    }

    [Fact]
    public void An_idle_connection_that_its_server_closes_is_ending()
    {
        var client = new Sent();
        client.Transport.CloseFar();
        Assert.True(client.Connection.IsEnding);
        Assert.False(client.Connection.CanSend);
        Assert.True(client.CapacityChanges > 0);
        Assert.True(client.Running.IsCompletedSuccessfully);
    }

    [Theory]
    [InlineData("", HttpFault.ConnectionClosed, false)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-", HttpFault.ConnectionClosed, true)]
    [InlineData("HTTP/1.1 103 Early Hints\r\n\r\n", HttpFault.ConnectionClosed, true)]
    [InlineData("HTTP/2.0 200 OK\r\n\r\n", HttpFault.ProtocolError, true)]
    [InlineData("HTTP/1.1 99 OK\r\n\r\n", HttpFault.ProtocolError, true)]
    [InlineData("HTTP/1.1 200\nContent-Length: 0\n\n", HttpFault.ProtocolError, true)]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", HttpFault.ProtocolError, true)]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", HttpFault.ProtocolError, true)]
    [InlineData("HTTP/1.1 200 OK\r\nx: a\r\n b\r\n\r\n", HttpFault.ProtocolError, true)]
    public async Task A_failure_says_what_it_was_and_whether_an_answer_had_begun(string answer, HttpFault fault, bool started)
    {
        var client = new Sent();
        using var exchange = client.Connection.Send(Get(), endStream: true);
        var response = exchange.ResponseAsync().AsTask();
        client.Transport.Send(answer);
        client.Transport.CloseFar();
        var failure = await Assert.ThrowsAsync<HttpException>(() => response);
        Assert.Equal(fault, failure.Fault);
        Assert.Equal(started, failure.ResponseStarted);
        Assert.Equal(started, exchange.HasResponse);
        Assert.True(client.Running.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task More_interim_responses_than_anybody_sends_are_refused()
    {
        var client = new Sent();
        using var exchange = client.Connection.Send(Get(), endStream: true);
        var interim = 0;
        exchange.OnInterim = _ => interim++;
        client.Transport.Send(string.Concat(Enumerable.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 11)));
        var failure = await Assert.ThrowsAsync<HttpException>(async () => await exchange.ResponseAsync());
        Assert.Equal(HttpFault.ProtocolError, failure.Fault);
        Assert.Equal(10, interim);
    }

    [Fact]
    public async Task A_body_cut_short_is_a_fault_for_its_reader()
    {
        var client = new Sent();
        using var exchange = client.Connection.Send(Get(), endStream: true);
        client.Transport.Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok");
        await exchange.ResponseAsync();
        var text = exchange.ResponseBody.ReadTextAsync();
        client.Transport.CloseFar();
        var failure = await Assert.ThrowsAsync<HttpException>(() => text);
        Assert.Equal(HttpFault.ConnectionClosed, failure.Fault);
        Assert.False(exchange.IsComplete);
    }

    [Fact]
    public async Task An_exchange_disposed_early_closes_its_connection()
    {
        var client = new Sent();
        var exchange = client.Connection.Send(Get(), endStream: true);
        var response = exchange.ResponseAsync().AsTask();
        exchange.Dispose();
        Assert.Equal(HttpFault.Aborted, (await Assert.ThrowsAsync<HttpException>(() => response)).Fault);
        client.Transport.Received(out var isOver, out _);
        Assert.True(isOver);
        Assert.True(client.Running.IsCompletedSuccessfully);
        Assert.False(client.Connection.CanSend);
    }

    [Fact]
    public async Task An_early_response_is_read_while_the_request_is_still_sent()
    {
        var client = new Sent();
        var head = Get();
        head.Method = "POST";
        head.HasBody = true;
        using var exchange = client.Connection.Send(head, endStream: false);
        await exchange.RequestBody.WriteTextAsync("part");
        client.Transport.Send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
        Assert.Equal(413, (await exchange.ResponseAsync()).Status);
        Assert.False(exchange.IsComplete);
        exchange.CompleteRequest();
        Assert.True(exchange.IsComplete);
        Assert.EndsWith("4\r\npart\r\n0\r\n\r\n", client.Transport.Received(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_shorter_than_its_length_is_not_ended()
    {
        var client = new Sent();
        var head = Get();
        head.HasBody = true;
        head.ContentLength = 10;
        using var exchange = client.Connection.Send(head, endStream: false);
        await exchange.RequestBody.WriteTextAsync("part");
        exchange.CompleteRequest();
        Assert.EndsWith("content-length: 10\r\n\r\npart", client.Transport.Received(out var isOver, out _), StringComparison.Ordinal);
        Assert.True(isOver);
        await Assert.ThrowsAsync<HttpException>(async () => await exchange.ResponseAsync());
    }

    private static RequestHead Get() => new() { Method = "GET", Authority = "a", Path = "/x" };

    private sealed class Sent
    {
        public Sent()
        {
            Connection = new Http1ClientConnection(Transport.Near, new HttpLimits()) { CapacityChanged = () => CapacityChanges++ };
            Running = Connection.RunAsync();
        }

        public MemoryTransport Transport { get; } = new();

        public Http1ClientConnection Connection { get; }

        public Task Running { get; }

        public int CapacityChanges { get; private set; }
    }
}
