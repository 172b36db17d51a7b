using Ambient.Hbone.Tests.Support;
using Ambient.Http.Fields;
using Ambient.Http.Tests.Support;

namespace Ambient.Http.Tests.Http2;

/// <summary>Exchanges over HTTP/2, both ends ours.</summary>
public sealed class Http2ExchangeTests
{
    [Fact]
    public Task Bodies_and_trailers_go_both_ways() => OnLoop.RunAsync(async () =>
    {
        await using var pair = new Http2Pair(async exchange =>
        {
            Assert.Equal("POST /p/q?x=1 a.example http", $"{exchange.Request.Method} {exchange.Request.Path}{exchange.Request.Query} {exchange.Request.Authority} {exchange.Request.Scheme}");
            Assert.Equal("v", exchange.Request.Fields.Text("x-a"));
            var text = await exchange.RequestBody.ReadTextAsync();
            Assert.Equal("t", exchange.RequestTrailers?.Text("x-t"));
            var head = new ResponseHead { Status = 200, HasBody = true };
            head.Fields.Add("content-type", "application/grpc");
            exchange.Respond(head, endStream: false);
            await exchange.ResponseBody.WriteTextAsync("echo:" + text);
            exchange.Complete(Trailers(("grpc-status", "0")));
        });
        var request = Http2Pair.Head("POST", "/p/./q", ("X-A", "v"));
        request.Query = "?x=1";
        using var exchange = pair.Client.Send(request, endStream: false);
        await exchange.RequestBody.WriteTextAsync("hello ");
        await exchange.RequestBody.WriteTextAsync("world");
        exchange.CompleteRequest(Trailers(("x-t", "t")));
        var response = await exchange.ResponseAsync();
        Assert.Equal(200, response.Status);
        Assert.True(response.HasBody);
        Assert.Equal("application/grpc", response.Fields.Text("content-type"));
        Assert.Null(exchange.ResponseTrailers);
        Assert.Equal("echo:hello world", await exchange.ResponseBody.ReadTextAsync());
        Assert.Equal("0", exchange.ResponseTrailers?.Text("grpc-status"));
        Assert.True(exchange.IsComplete);
    });

    [Fact]
    public Task Interim_responses_come_as_they_are_sent() => OnLoop.RunAsync(async () =>
    {
        var goOn = new TaskCompletionSource();
        await using var pair = new Http2Pair(async exchange =>
        {
            var hint = new ResponseHead { Status = 103 };
            hint.Fields.Add("link", "</x>");
            exchange.RespondInterim(hint);
            await goOn.Task;
            exchange.Respond(new ResponseHead { Status = 204 }, endStream: true);
        });
        using var exchange = pair.Client.Send(Http2Pair.Head("GET", "/"), endStream: true);
        var interim = "";
        exchange.OnInterim = head => interim += $"{head.Status} {head.Fields.Text("link")}";
        var response = exchange.ResponseAsync().AsTask();
        await OnLoop.UntilAsync(() => interim.Length > 0, "the interim response");
        Assert.Equal("103 </x>", interim);
        Assert.False(response.IsCompleted);
        goOn.SetResult();
        Assert.Equal(204, (await response).Status);
        Assert.True(exchange.IsComplete);
    });

    [Fact]
    public Task A_client_that_waits_for_100_gets_it_when_its_body_is_read() => OnLoop.RunAsync(async () =>
    {
        await using var pair = new Http2Pair(async exchange =>
        {
            Assert.True(exchange.Request.ExpectsContinue);
            Assert.Null(exchange.Request.Fields.Text("expect"));
            await exchange.RequestBody.ReadTextAsync();
            exchange.Respond(new ResponseHead { Status = 200 }, endStream: true);
        });
        using var exchange = pair.Client.Send(Http2Pair.Head("PUT", "/", ("expect", "100-continue")), endStream: false);
        var interim = 0;
        exchange.OnInterim = head => interim = head.Status;
        await OnLoop.UntilAsync(() => interim == 100, "100 (Continue)");
        await exchange.RequestBody.WriteTextAsync("body");
        exchange.CompleteRequest();
        Assert.Equal(200, (await exchange.ResponseAsync()).Status);
    });

    [Fact]
    public Task A_request_that_its_client_gives_up_is_aborted_at_the_server() => OnLoop.RunAsync(async () =>
    {
        var aborted = new TaskCompletionSource();
        await using var pair = new Http2Pair(async exchange =>
        {
            exchange.OnAborted = aborted.SetResult;
            await aborted.Task;
            Assert.True(exchange.IsAborted);
            exchange.Respond(new ResponseHead { Status = 200, HasBody = true }, endStream: false); // and nothing happens
            await exchange.ResponseBody.WriteTextAsync("nobody");
            exchange.Complete();
        });
        var exchange = pair.Client.Send(Http2Pair.Head("GET", "/"), endStream: true);
        var response = exchange.ResponseAsync().AsTask();
        await OnLoop.UntilAsync(() => pair.Server.ActiveRequests == 1, "the request");
        exchange.Dispose();
        var fault = await Assert.ThrowsAsync<HttpException>(() => response);
        Assert.Equal(HttpFault.Aborted, fault.Fault);
        await aborted.Task;
        await OnLoop.UntilAsync(() => pair.Server.ActiveRequests == 0, "the end of the request");
    });

    [Fact]
    public Task A_handler_that_breaks_off_resets_the_stream_and_no_other() => OnLoop.RunAsync(async () =>
    {
        await using var pair = new Http2Pair(async exchange =>
        {
            exchange.Respond(new ResponseHead { Status = 200, HasBody = true }, endStream: false);
            await exchange.ResponseBody.WriteTextAsync("part");
            await exchange.ResponseBody.FlushAsync();
            if (exchange.Request.Path == "/bad")
            {
                await Task.Delay(20);
                return;
            }

            exchange.Complete();
        });
        using var bad = pair.Client.Send(Http2Pair.Head("GET", "/bad"), endStream: true);
        using var good = pair.Client.Send(Http2Pair.Head("GET", "/good"), endStream: true);
        await bad.ResponseAsync();
        await good.ResponseAsync();
        Assert.Equal("part", await good.ResponseBody.ReadTextAsync());
        var fault = await Assert.ThrowsAsync<HttpException>(() => bad.ResponseBody.ReadTextAsync());
        Assert.Equal(HttpFault.StreamReset, fault.Fault);
        Assert.True(fault.ResponseStarted);
        Assert.False(bad.IsComplete);
    });

    [Fact]
    public Task An_early_response_ends_a_request_whose_body_nobody_wants() => OnLoop.RunAsync(async () =>
    {
        await using var pair = new Http2Pair(exchange =>
        {
            exchange.Respond(new ResponseHead { Status = 403 }, endStream: true);
            return default;
        });
        using var exchange = pair.Client.Send(Http2Pair.Head("POST", "/"), endStream: false);
        Assert.Equal(403, (await exchange.ResponseAsync()).Status);
        var flushed = default(System.IO.Pipelines.FlushResult);
        for (var turn = 0; turn < 100 && !flushed.IsCompleted; turn++)
        {
            exchange.RequestBody.GetMemory(1_000);
            exchange.RequestBody.Advance(1_000);
            flushed = await exchange.RequestBody.FlushAsync();
            await Task.Yield();
        }

        Assert.True(flushed.IsCompleted);
        await OnLoop.UntilAsync(() => pair.Server.ActiveRequests == 0, "the end of the request");
    });

    [Fact]
    public Task A_response_to_HEAD_has_its_length_and_no_body() => OnLoop.RunAsync(async () =>
    {
        await using var pair = new Http2Pair(async exchange =>
        {
            var head = new ResponseHead { Status = 200, HasBody = true, ContentLength = 4 };
            exchange.Respond(head, endStream: false);
            await exchange.ResponseBody.WriteTextAsync("four");
            exchange.Complete();
        });
        using var exchange = pair.Client.Send(Http2Pair.Head("HEAD", "/"), endStream: true);
        var response = await exchange.ResponseAsync();
        Assert.False(response.HasBody);
        Assert.True(exchange.IsComplete);
    });

    [Fact]
    public Task A_draining_server_answers_what_is_under_way_and_takes_no_more() => OnLoop.RunAsync(async () =>
    {
        var goOn = new TaskCompletionSource();
        var pair = new Http2Pair(async exchange =>
        {
            await goOn.Task;
            exchange.Respond(new ResponseHead { Status = 200 }, endStream: true);
        });
        using (var exchange = pair.Client.Send(Http2Pair.Head("GET", "/"), endStream: true))
        {
            await OnLoop.UntilAsync(() => pair.Server.ActiveRequests == 1, "the request");
            pair.Server.Drain();
            await OnLoop.UntilAsync(() => pair.Client.IsEnding, "the announcement");
            Assert.False(pair.Client.CanSend);
            goOn.SetResult();
            Assert.Equal(200, (await exchange.ResponseAsync()).Status);
        }

        await pair.Ended.WaitAsync(OnLoop.Patience);
    });

    [Fact]
    public Task A_client_that_stops_in_the_middle_of_its_body_is_given_up() => OnLoop.RunAsync(async () =>
    {
        HttpException? fault = null;
        await using var pair = new Http2Pair(async exchange =>
            fault = await Assert.ThrowsAsync<HttpException>(() => exchange.RequestBody.ReadTextAsync()));
        using var exchange = pair.Client.Send(Http2Pair.Head("POST", "/"), endStream: false);
        for (var now = 0; now <= 800_000 && fault is null; now += 5_000)
        {
            if (now < 400_000)
            {
                await exchange.RequestBody.WriteTextAsync("slowly");
            }

            await OnLoop.SettleAsync();
            pair.Server.Tick(now);
            Assert.True(fault is null || now > 600_000, "given up while bytes came");
        }

        await OnLoop.UntilAsync(() => fault is not null, "the end of patience");
        Assert.Equal(HttpFault.StreamReset, fault!.Fault);
    });

    [Fact]
    public Task A_handler_that_leaves_its_loop_fails_its_connection() => OnLoop.RunAsync(async () =>
    {
        var transport = new Ambient.Http.Tests.Support.MemoryTransport();
        var connection = new Ambient.Http.Http1.Http1ServerConnection(transport.Near, new HttpLimits(), new Unpooled());
        var running = connection.RunAsync();
        transport.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => running.WaitAsync(OnLoop.Patience));
        Assert.Contains("away from its loop", failure.Message, StringComparison.Ordinal);
    });

    [Fact]
    public Task A_slow_reader_holds_up_its_writer() => OnLoop.RunAsync(async () =>
    {
        long written = 0;
        await using var pair = new Http2Pair(async exchange =>
        {
            exchange.Respond(new ResponseHead { Status = 200, HasBody = true }, endStream: false);
            while (written < 64 << 20)
            {
                exchange.ResponseBody.GetMemory(16_000);
                exchange.ResponseBody.Advance(16_000);
                if ((await exchange.ResponseBody.FlushAsync()).IsCompleted)
                {
                    return;
                }

                written += 16_000;
            }
        });
        using var exchange = pair.Client.Send(Http2Pair.Head("GET", "/"), endStream: true);
        await exchange.ResponseAsync();
        await OnLoop.SettleAsync();
        Assert.InRange(written, 1, 4 << 20);
    });

    [Theory]
    [InlineData("get", "/", "http", "a", 400)]
    [InlineData("GET", "/%00", "http", "a", 400)]
    [InlineData("GET", "/", "ftp", "a", 400)]
    [InlineData("GET", "/", "http", "a,b", 400)]
    [InlineData("GET", "/", "http", "a:99999", 400)]
    [InlineData("OPTIONS", "*", "http", "a", 404)]
    public Task What_HTTP_1_would_refuse_is_refused(string method, string path, string scheme, string authority, int status) => OnLoop.RunAsync(async () =>
    {
        await using var pair = new Http2Pair(_ => throw new InvalidOperationException("refused before"));
        var request = new RequestHead { Method = method, Path = path, Scheme = scheme, Authority = authority };
        using var exchange = pair.Client.Send(request, endStream: true);
        Assert.Equal(status, (await exchange.ResponseAsync()).Status);
        Assert.Single(pair.Handler.Refusals);
    });

    [Fact]
    public Task Cookies_are_put_together_and_reserved_fields_dropped() => OnLoop.RunAsync(async () =>
    {
        string? cookie = null;
        string? claimed = null;
        await using var pair = new Http2Pair(exchange =>
        {
            cookie = exchange.Request.Fields.Text("cookie");
            claimed = exchange.Request.Fields.Text("x-forwarded-client-cert");
            exchange.Respond(new ResponseHead { Status = 200 }, endStream: true);
            return default;
        });
        using var exchange = pair.Client.Send(
            Http2Pair.Head("GET", "/", ("cookie", "a=1"), ("x-forwarded-client-cert", "URI=spiffe://evil"), ("cookie", "b=2")), endStream: true);
        await exchange.ResponseAsync();
        Assert.Equal("a=1; b=2", cookie);
        Assert.Null(claimed);
    });

    private static FieldList Trailers(params (string Name, string Value)[] fields)
    {
        var list = new FieldList();
        foreach (var (name, value) in fields)
        {
            list.Add(name, value);
        }

        return list;
    }

    /// <summary>A handler as it must not be: its task is none of the pool's, so its end comes to the thread pool.</summary>
    private sealed class Unpooled : IRequestHandler
    {
        public async ValueTask HandleAsync(IServerExchange exchange)
        {
            await Task.Yield();
            exchange.Respond(new ResponseHead { Status = 200 }, endStream: true);
        }

        public void OnRefused(in Refusal refusal)
        {
        }
    }
}
