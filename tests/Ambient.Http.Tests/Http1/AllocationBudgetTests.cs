using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Text;
using Ambient.Hbone.Tests.Support;
using Ambient.Http.Http1;
using Ambient.Http.Tests.Support;

namespace Ambient.Http.Tests.Http1;

/// <summary>What a forwarded request allocates in both codecs together, against bench/budgets.json. Everything happens on the test's own thread.</summary>
[Collection(MeasuredAlone.Name)]
public sealed class AllocationBudgetTests
{
    /// <summary>Debug builds make an object of each state machine of this test's own handler.</summary>
#if DEBUG
    private const long StateMachines = 700;
#else
    private const long StateMachines = 0;
#endif

    private const string Fields = "User-Agent: wrk/4.2\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\nX-Request-Id: 0af76519-16cd-43dd-8448-eb211c80319c\r\n";

    [Theory]
    [InlineData(
        "GET /orders/128?x=1 HTTP/1.1\r\nHost: shop.example\r\nConnection: keep-alive\r\n" + Fields + "\r\n",
        "HTTP/1.1 200 OK\r\nServer: s\r\nDate: Sat, 21 Nov 2026 18:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
        "allocatedBytesPerForwardedRequest")]
    [InlineData(
        "POST /orders/128 HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n" + Fields + "\r\n5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n",
        "allocatedBytesPerForwardedChunkedRequest")]
    public void A_forwarded_request_allocates_no_more_than_its_budget(string request, string response, string budget)
    {
        const int Count = 1_000;
        SynchronizationContext.SetSynchronizationContext(null); // the test runner's would take pooled tasks to another thread
        var (client, server) = (new SteppedTransport(), new SteppedTransport());
        var upstream = new Http1ClientConnection(server.Near, new HttpLimits());
        var handler = new Forwarder(upstream);
        var connection = new Http1ServerConnection(client.Far, new HttpLimits(), handler);
        var end = request.EndsWith("0\r\n\r\n", StringComparison.Ordinal) ? "0\r\n\r\n"u8.ToArray() : "\r\n\r\n"u8.ToArray();
        var origin = AnswerAsync(server.Far, end, Encoding.ASCII.GetBytes(response));
        var received = CountAsync(client.Near.Input);
        Task[] running = [upstream.RunAsync(), connection.RunAsync(), origin, received];
        var bytes = Encoding.ASCII.GetBytes(request);
        Exchange(200);

        // The best of five: a collection that another test forces empties the shared pool, which then allocates anew.
        var allocated = long.MaxValue;
        for (var attempt = 0; attempt < 5; attempt++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            Exchange(Count);
            allocated = Math.Min(allocated, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.All(running, task => Assert.Null(task.Exception));
        Assert.All(running, task => Assert.False(task.IsCompleted));
        Assert.Equal(200 + (5 * Count), handler.Forwarded);
        Assert.InRange(allocated / Count, 0, Budgets.Get(budget) + StateMachines);

        void Exchange(int count)
        {
            for (var index = 0; index < count; index++)
            {
                client.Near.Output.Write(bytes);
                do
                {
                    client.Run();
                    server.Run();
                }
                while (handler.IsBusy);
                client.Run();
            }
        }
    }

    [Fact]
    public void An_idle_connection_holds_no_more_than_its_budget()
    {
        const int Count = 2_000;
        var request = Encoding.ASCII.GetBytes("GET /orders/128?x=1 HTTP/1.1\r\nHost: shop.example\r\n" + Fields + "\r\n");
        var transports = Enumerable.Range(0, Count).Select(_ => new SteppedTransport(capacity: 1024)).ToList();
        var connections = new List<Http1ServerConnection>(Count);
        var handler = new TestHandler(exchange =>
        {
            exchange.Respond(new ResponseHead { Status = 200 }, endStream: true);
            return default;
        });
        var before = GC.GetTotalMemory(forceFullCollection: true);
        foreach (var transport in transports)
        {
            var connection = new Http1ServerConnection(transport.Far, new HttpLimits(), handler);
            _ = connection.RunAsync();
            transport.Near.Output.Write(request);
            transport.Run();
            connections.Add(connection);
        }

        Assert.InRange((GC.GetTotalMemory(forceFullCollection: true) - before) / Count, 0, Budgets.Get("retainedBytesPerIdleConnection"));
        GC.KeepAlive(connections);
    }

    private static async Task AnswerAsync(IDuplexPipe transport, byte[] end, byte[] response)
    {
        while (true)
        {
            var result = await transport.Input.ReadAsync();
            var isWhole = result.Buffer.FirstSpan.EndsWith(end);
            transport.Input.AdvanceTo(result.Buffer.End);
            if (isWhole)
            {
                transport.Output.Write(response);
                await transport.Output.FlushAsync();
            }
        }
    }

    private static async Task CountAsync(PipeReader input)
    {
        while (true)
        {
            var result = await input.ReadAsync();
            input.AdvanceTo(result.Buffer.End);
        }
    }

    private sealed class Forwarder(Http1ClientConnection upstream) : IRequestHandler
    {
        public int Forwarded { get; private set; }

        public bool IsBusy { get; private set; }

        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
        public async ValueTask HandleAsync(IServerExchange exchange)
        {
            IsBusy = true;
            using var request = upstream.Send(exchange.Request, !exchange.Request.HasBody);
            if (exchange.Request.HasBody)
            {
                await CopyAsync(exchange.RequestBody, request.RequestBody);
                request.CompleteRequest();
            }

            var response = await request.ResponseAsync();
            exchange.Respond(response, endStream: !response.HasBody);
            await CopyAsync(request.ResponseBody, exchange.ResponseBody);
            exchange.Complete();
            Forwarded++;
            IsBusy = false;
        }

        public void OnRefused(in Refusal refusal) => Assert.Fail(refusal.Words);

        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
        private static async ValueTask CopyAsync(PipeReader reader, PipeWriter writer)
        {
            while (true)
            {
                var result = await reader.ReadAsync();
                foreach (var memory in result.Buffer)
                {
                    writer.Write(memory.Span);
                }

                reader.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted)
                {
                    return;
                }

                await writer.FlushAsync();
            }
        }
    }
}
