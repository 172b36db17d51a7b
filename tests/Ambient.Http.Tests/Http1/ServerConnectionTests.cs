using Ambient.Http.Http1;
using Ambient.Http.Tests.Support;

namespace Ambient.Http.Tests.Http1;

/// <summary>What a server's connection does over the life of a client.</summary>
public sealed class ServerConnectionTests
{
    private const string Get = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

    [Fact]
    public void Requests_in_one_packet_are_answered_in_order_one_at_a_time()
    {
        var waiting = new List<TaskCompletionSource>();
        var server = new Served(async exchange =>
        {
            waiting.Add(new TaskCompletionSource());
            await waiting[^1].Task;
            Ok(exchange, exchange.Request.Path);
        });
        server.Transport.Send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Single(waiting);
        Assert.Equal("", server.Transport.Received());
        waiting[0].SetResult();
        Assert.Equal(2, waiting.Count);
        waiting[1].SetResult();
        Assert.Equal("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n/1HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n/2", server.Transport.Received());
        server.Close();
    }

    [Fact]
    public void One_flush_carries_a_head_and_its_body_when_the_owner_coalesces()
    {
        var asked = 0;
        var server = new Served(exchange =>
        {
            Ok(exchange, "body");
            return default;
        });
        server.Connection.FlushRequested = () => asked++;
        server.Transport.Send(Get + Get);
        Assert.Equal(1, asked);
        Assert.Equal("", server.Transport.Received());
        server.Connection.Flush();
        Assert.Equal(2, server.Transport.Received().Split("200 OK").Length - 1);
        server.Close();
    }

    [Fact]
    public void A_client_that_goes_away_aborts_its_exchange()
    {
        var aborted = 0;
        var server = new Served(async exchange =>
        {
            var gone = new TaskCompletionSource();
            exchange.OnAborted = () =>
            {
                aborted++;
                gone.SetResult();
            };
            await gone.Task;
        });
        server.Transport.Send(Get);
        server.Transport.CloseFar();
        Assert.Equal(1, aborted);
        Assert.True(server.Running.IsCompletedSuccessfully);
        server.Transport.Received(out var isOver, out _);
        Assert.True(isOver);
    }

    [Theory]
    [InlineData("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfive5")]
    [InlineData("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfive5\r\n")]
    public void A_body_cut_short_is_a_fault_and_no_end(string sent)
    {
        HttpException? fault = null;
        var server = new Served(async exchange =>
            fault = await Assert.ThrowsAsync<HttpException>(() => exchange.RequestBody.ReadTextAsync()));
        server.Transport.Send(sent);
        server.Transport.CloseFar();
        Assert.Equal(HttpFault.ConnectionClosed, fault?.Fault);
        Assert.Equal("", server.Transport.Received());
        Assert.True(server.Running.IsCompletedSuccessfully);
    }

    [Fact]
    public void A_body_that_nobody_reads_is_dropped_if_it_is_short()
    {
        var server = new Served(exchange =>
        {
            Ok(exchange, "");
            return default;
        });
        server.Transport.Send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /" + Get);
        Assert.Equal(2, server.Transport.Received().Split("200 OK").Length - 1);
        Assert.Equal(2, server.Requests);
        server.Close();
    }

    [Theory]
    [InlineData("Content-Length: 100000\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n")]
    [InlineData("Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")]
    public void A_body_that_nobody_reads_and_that_may_be_long_or_never_come_ends_the_connection(string rest)
    {
        var server = new Served(exchange =>
        {
            Ok(exchange, "");
            return default;
        });
        server.Transport.Send("POST /x HTTP/1.1\r\nHost: a\r\n" + rest);
        var answer = server.Transport.Received(out var isOver, out var isBroken);
        Assert.Contains("connection: close", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("100 Continue", answer, StringComparison.Ordinal);
        Assert.True(isOver);
        Assert.False(isBroken);
    }

    [Fact]
    public void A_head_that_does_not_come_in_time_is_answered_and_a_silent_connection_closed()
    {
        var server = new Served(_ => default);
        server.Connection.Tick(0);
        server.Transport.Send("GET /x HT");
        for (var now = 1_000; now <= 9_000; now += 1_000)
        {
            server.Connection.Tick(now);
            server.Transport.Send("T"); // bytes in between buy no time
        }

        Assert.Equal("", server.Transport.Received());
        server.Connection.Tick(11_000);
        Assert.StartsWith("HTTP/1.1 408", server.Transport.Received(out var isOver, out _), StringComparison.Ordinal);
        Assert.True(isOver);
        Assert.Equal(RefusalReason.HeadTimeout, Assert.Single(server.Handler.Refusals).Reason);

        var silent = new Served(_ => default, new HttpLimits { IdleTimeout = TimeSpan.FromSeconds(3) });
        for (var now = 0; now <= 4_000; now += 1_000)
        {
            silent.Connection.Tick(now);
        }

        Assert.Equal("", silent.Transport.Received(out isOver, out _));
        Assert.True(isOver);
        Assert.Empty(silent.Handler.Refusals);
    }

    [Fact]
    public void A_body_that_stops_coming_is_given_up_but_not_one_that_comes_slowly()
    {
        var server = new Served(
            async exchange =>
            {
                try
                {
                    await exchange.RequestBody.ReadTextAsync();
                }
                catch (HttpException fault)
                {
                    Assert.Equal(HttpFault.TimedOut, fault.Fault);
                }
            },
            new HttpLimits { BodyTimeout = TimeSpan.FromSeconds(3) });
        server.Transport.Send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
        var now = 0;
        for (; now < 10_000; now += 1_000)
        {
            server.Connection.Tick(now);
            server.Transport.Send("b");
        }

        Assert.Equal("", server.Transport.Received());
        for (; now < 15_000; now += 1_000)
        {
            server.Connection.Tick(now);
        }

        Assert.StartsWith("HTTP/1.1 408", server.Transport.Received(), StringComparison.Ordinal);
        Assert.True(server.Running.IsCompletedSuccessfully);
    }

    [Fact]
    public void A_client_that_stops_reading_is_given_up()
    {
        var aborted = 0;
        var server = new Served(
            async exchange =>
            {
                exchange.OnAborted = () => aborted++;
                exchange.Respond(new ResponseHead { Status = 200, HasBody = true }, endStream: false);
                while (!(await exchange.ResponseBody.FlushAsync()).IsCompleted)
                {
                    exchange.ResponseBody.GetMemory(10_000);
                    exchange.ResponseBody.Advance(10_000);
                }
            },
            new HttpLimits { BodyTimeout = TimeSpan.FromSeconds(3) });
        server.Transport.Send(Get);
        for (var now = 0; now <= 2_000; now += 1_000)
        {
            server.Connection.Tick(now);
        }

        Assert.Equal(0, aborted);
        server.Connection.Tick(4_000);
        Assert.Equal(1, aborted);
        Assert.True(server.Running.IsCompletedSuccessfully);
    }

    [Fact]
    public void A_client_whose_end_comes_with_its_request_is_gone_for_its_handler_too()
    {
        var aborted = 0;
        var server = new Served(exchange =>
        {
            exchange.OnAborted = () => aborted++;
            Assert.True(exchange.IsAborted);
            return default;
        });
        server.Transport.Send("GET /x HTTP/1.1\r\nHost: a\r\n\r");
        server.Transport.SendLast("\n");
        Assert.Equal(1, aborted);
        Assert.True(server.Running.IsCompletedSuccessfully);
    }

    [Fact]
    public void An_upgraded_connection_may_be_silent()
    {
        var server = new Served(
            async exchange =>
            {
                exchange.Respond(new ResponseHead { Status = 101 }, endStream: false);
                await exchange.ResponseBody.WriteTextAsync(await exchange.RequestBody.ReadTextAsync());
                await exchange.ResponseBody.CompleteAsync();
            },
            new HttpLimits { BodyTimeout = TimeSpan.FromSeconds(3), IdleTimeout = TimeSpan.FromSeconds(3) });
        server.Transport.Send("GET /x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n\r\nraw ");
        for (var now = 0; now <= 20_000; now += 1_000)
        {
            server.Connection.Tick(now);
        }

        server.Transport.Send("bytes");
        server.Transport.CloseFar();
        Assert.Equal("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nraw bytes", server.Transport.Received(out var isOver, out var isBroken));
        Assert.True(isOver);
        Assert.False(isBroken);
    }

    [Fact]
    public void A_draining_connection_answers_what_is_under_way_and_ends()
    {
        var goOn = new TaskCompletionSource();
        var server = new Served(async exchange =>
        {
            await goOn.Task;
            Ok(exchange, "last");
        });
        server.Transport.Send(Get);
        server.Connection.Drain();
        goOn.SetResult();
        Assert.Equal("HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nlast", server.Transport.Received(out var isOver, out _));
        Assert.True(isOver);

        var idle = new Served(exchange =>
        {
            Ok(exchange, "first");
            return default;
        });
        idle.Transport.Send(Get);
        Assert.False(idle.Running.IsCompleted);
        idle.Connection.Drain();
        Assert.True(idle.Running.IsCompletedSuccessfully);
    }

    /// <summary>Clients send a request again that a connection took along which had carried others, and not where it was the first.</summary>
    [Fact]
    public void A_draining_connection_awaits_its_first_request_for_a_time_and_answers_it()
    {
        var server = new Served(exchange =>
        {
            Ok(exchange, "first and last");
            return default;
        });
        server.Connection.Drain();
        Assert.False(server.Running.IsCompleted);
        server.Transport.Send(Get);
        Assert.Equal("HTTP/1.1 200 OK\r\ncontent-length: 14\r\nconnection: close\r\n\r\nfirst and last", server.Transport.Received(out var isOver, out _));
        Assert.True(isOver);

        var silent = new Served(_ => default);
        silent.Connection.Drain();
        for (var now = 0; now <= 9_000; now += 1_000)
        {
            silent.Connection.Tick(now);
        }

        Assert.False(silent.Running.IsCompleted);
        silent.Connection.Tick(11_000);
        Assert.True(silent.Running.IsCompletedSuccessfully);
    }

    [Fact]
    public void A_response_is_in_chunks_if_its_length_is_not_known_and_cut_if_it_is_not_completed()
    {
        var server = new Served(async exchange =>
        {
            exchange.Respond(new ResponseHead { Status = 200, HasBody = true }, endStream: false);
            await exchange.ResponseBody.WriteTextAsync("hello");
            await exchange.ResponseBody.WriteTextAsync(new string('x', 300));
            if (exchange.Request.Path == "/whole")
            {
                exchange.Complete();
            }
        });
        server.Transport.Send("GET /whole HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Equal($"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n12c\r\n{new string('x', 300)}\r\n0\r\n\r\n", server.Transport.Received());
        server.Transport.Send("GET /cut HTTP/1.1\r\nHost: a\r\n\r\n");
        var cut = server.Transport.Received(out var isOver, out _);
        Assert.EndsWith("x\r\n", cut, StringComparison.Ordinal);
        Assert.True(isOver);
    }

    [Fact]
    public void Trailers_go_to_a_client_that_takes_them()
    {
        var server = new Served(async exchange =>
        {
            exchange.Respond(new ResponseHead { Status = 200, HasBody = true }, endStream: false);
            await exchange.ResponseBody.WriteTextAsync("ok");
            var trailers = new Ambient.Http.Fields.FieldList();
            trailers.Add("grpc-status", "0");
            trailers.Add("content-length", "9");
            exchange.Complete(trailers);
        });
        server.Transport.Send("GET /x HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n");
        Assert.EndsWith("2\r\nok\r\n0\r\ngrpc-status: 0\r\n\r\n", server.Transport.Received(), StringComparison.Ordinal);
        server.Transport.Send(Get);
        Assert.EndsWith("2\r\nok\r\n0\r\n\r\n", server.Transport.Received(), StringComparison.Ordinal);
        server.Close();
    }

    [Fact]
    public void A_slow_client_holds_up_the_response_and_its_next_request()
    {
        long written = 0;
        var server = new Served(async exchange =>
        {
            exchange.Respond(new ResponseHead { Status = 200, HasBody = true, ContentLength = 32 << 20 }, endStream: false);
            for (var left = 32 << 20; left > 0;)
            {
                var memory = exchange.ResponseBody.GetMemory(4_096);
                var count = Math.Min(left, Math.Min(memory.Length, 16_384));
                exchange.ResponseBody.Advance(count);
                left -= count;
                written += count;
                if ((await exchange.ResponseBody.FlushAsync()).IsCompleted)
                {
                    return;
                }
            }

            exchange.Complete();
        });
        server.Transport.Send(Get + Get);
        Assert.InRange(written, 1 << 20, 3 << 20); // the transport's pipe holds a mebibyte
        for (var reads = 0; reads < 200 && written < 64 << 20; reads++)
        {
            server.Transport.Received();
        }

        Assert.Equal(64 << 20, written);
        server.Close();
    }

    [Theory]
    [InlineData("Connection: x-forwarded-for, x-a", "x-forwarded-for: 1.2.3.4")]
    [InlineData("Connection: traceparent\r\nConnection: X-A", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
    [InlineData("Connection: keep-alive, Forwarded, x-a", "forwarded: for=1.2.3.4")]
    [InlineData("Connection: baggage, x-a", "baggage: k=v")]
    public void No_client_removes_what_tells_where_a_request_came_from(string connection, string kept)
    {
        string? fields = null;
        var server = new Served(exchange =>
        {
            fields = string.Join('\n', Enumerable.Range(0, exchange.Request.Fields.Count)
                .Select(index => $"{exchange.Request.Fields[index].NameText}: {exchange.Request.Fields[index].ValueText}"));
            Ok(exchange, "");
            return default;
        });
        server.Transport.Send($"GET / HTTP/1.1\r\nHost: a\r\n{kept}\r\nX-A: 1\r\n{connection}\r\nx-istio-attributes: z\r\n\r\n");
        Assert.Equal(kept, fields);
        server.Close();
    }

    [Theory]
    [InlineData("Connection: content-length\r\nContent-Length: 1", RefusalReason.ConnectionField)]
    [InlineData("Connection: transfer-encoding", RefusalReason.ConnectionField)]
    [InlineData("Connection: :path", RefusalReason.ConnectionField)]
    [InlineData("Connection: a b", RefusalReason.ConnectionField)]
    [InlineData("Upgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 1", RefusalReason.Upgrade)]
    [InlineData("Upgrade: websocket\r\nUpgrade: h2c\r\nConnection: upgrade", RefusalReason.Upgrade)]
    [InlineData("Host: b", RefusalReason.HostRepeated)]
    [InlineData("x: a\vb", RefusalReason.FieldValue)]
    public void What_has_two_readings_is_refused_and_ends_the_connection(string line, RefusalReason reason)
    {
        var server = new Served(_ => throw new InvalidOperationException("refused before"));
        server.Transport.Send($"GET /x HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n{Get}");
        var refusal = Assert.Single(server.Handler.Refusals);
        Assert.Equal(reason, refusal.Reason);
        Assert.Equal($"HTTP/1.1 {refusal.Status}", server.Transport.Received(out var isOver, out _)[..12]);
        Assert.True(isOver);
    }

    [Fact]
    public void A_handler_that_fails_ends_the_connection_and_its_task()
    {
        var server = new Served(_ => throw new InvalidOperationException("a mistake"));
        server.Transport.Send(Get);
        Assert.Equal("", server.Transport.Received(out var isOver, out _));
        Assert.True(isOver);
        Assert.Equal("a mistake", Assert.Single(server.Running.Exception!.InnerExceptions).Message);
    }

    private static void Ok(IServerExchange exchange, string body)
    {
        exchange.Respond(new ResponseHead { Status = 200, HasBody = body.Length > 0, ContentLength = body.Length }, endStream: body.Length == 0);
        if (body.Length > 0)
        {
            System.Text.Encoding.ASCII.GetBytes(body, exchange.ResponseBody.GetSpan(body.Length));
            exchange.ResponseBody.Advance(body.Length);
            exchange.Complete();
        }
    }

    /// <summary>A connection with its client as bytes.</summary>
    private sealed class Served
    {
        public Served(Func<IServerExchange, ValueTask> handle, HttpLimits? limits = null)
        {
            Handler = new TestHandler(exchange =>
            {
                Requests++;
                return handle(exchange);
            });
            Connection = new Http1ServerConnection(Transport.Near, limits ?? new HttpLimits(), Handler);
            Running = Connection.RunAsync();
        }

        public MemoryTransport Transport { get; } = new();

        public TestHandler Handler { get; }

        public Http1ServerConnection Connection { get; }

        public Task Running { get; }

        public int Requests { get; private set; }

        public void Close()
        {
            Transport.CloseFar();
            Assert.True(Running.IsCompletedSuccessfully);
        }
    }
}
