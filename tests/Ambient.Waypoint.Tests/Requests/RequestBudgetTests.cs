using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Ambient.Telemetry.Metrics;
using Ambient.Waypoint.Plain;
using Ambient.Ztunnel.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit.Abstractions;

namespace Ambient.Waypoint.Tests.Requests;

/// <summary>Tests that measure: nothing else runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}

/// <summary>
/// What a request costs on its way through authorization, route, endpoint and metrics, against bench/budgets.json. Client and server make
/// no garbage of their own.
/// </summary>
[Collection(Alone.Name)]
public sealed class RequestBudgetTests(ITestOutputHelper output)
{
    private const int Requests = 1000;

    private static readonly byte[] _request = Encoding.ASCII.GetBytes("GET /shelf?page=1 HTTP/1.1\r\nHost: server\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n");
    private static readonly byte[] _answer = Encoding.ASCII.GetBytes("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello");

    [Fact]
    public async Task A_request_costs_no_more_system_calls_than_its_budget()
    {
        await using var way = await Way.StartAsync();
        way.Ask(Requests);
        var thread = SystemCallTrace.Threads("proxy-0")[^1];
        var best = double.MaxValue;
        for (var attempt = 0; attempt < 3; attempt++)
        {
            var counts = (await SystemCallTrace.CountAsync([thread], () => Task.Run(() => way.Ask(Requests))))[thread];
            best = Math.Min(best, counts.Values.Sum() / (double)Requests);
            output.WriteLine(string.Join(", ", counts.Select(call => $"{call.Key} {call.Value / (double)Requests:0.00}")));
        }

        Assert.InRange(best, 4, Budget("systemCallsPerRequest"));
    }

    [Fact]
    public async Task A_request_allocates_no_more_than_its_budget() // the continuation that the loop is handed when a handler has ended: a delegate
    {
        await using var way = await Way.StartAsync();
        way.Ask(Requests);
        var best = double.MaxValue;
        for (var attempt = 0; attempt < 5; attempt++)
        {
            var before = GC.GetTotalAllocatedBytes(precise: true);
            way.Ask(Requests);
            best = Math.Min(best, (GC.GetTotalAllocatedBytes(precise: true) - before) / (double)Requests);
        }

        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{best:0.0} bytes per request"));
        Assert.InRange(best, 0, Budget("allocatedBytesPerRequest"));
    }

    private static double Budget(string name)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Ambient.sln")))
        {
            folder = folder.Parent;
        }

        Assert.NotNull(folder);
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder.FullName, "bench", "budgets.json")));
        return json.RootElement.GetProperty("Ambient.Waypoint").GetProperty(name).GetDouble();
    }

    /// <summary>A client's connection, the request path on one loop, and a server on a thread.</summary>
    private sealed class Way : IAsyncDisposable
    {
        private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        private readonly Socket _client = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        private readonly byte[] _received = new byte[4096];
        private ReverseProxy? _proxy;
        private int _answerLength;

        public static async Task<Way> StartAsync()
        {
            var way = new Way();
            way._listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            way._listener.Listen();
            new Thread(way.Serve) { IsBackground = true }.Start();
            using var port = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            port.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            var listen = (IPEndPoint)port.LocalEndPoint!;
            port.Dispose();
            var options = new ReverseProxyOptions { Listen = listen, Upstream = (IPEndPoint)way._listener.LocalEndPoint!, Threads = 1 };
            way._proxy = new ReverseProxy(options, NullLoggerFactory.Instance, new MetricRegistry());
            await way._proxy.StartAsync();
            way._client.Connect(listen); // one that never waited asynchronously blocks in the kernel, without garbage
            way._client.Send(_request);
            way._answerLength = way.ReceiveFirst();
            return way;
        }

        /// <summary>So many requests, one after the other.</summary>
        public void Ask(int count)
        {
            for (; count > 0; count--)
            {
                _client.Send(_request);
                for (var have = 0; have < _answerLength;)
                {
                    var got = _client.Receive(_received);
                    have += got > 0 ? got : throw new InvalidOperationException("The proxy closed the connection.");
                }
            }
        }

        public async ValueTask DisposeAsync()
        {
            _client.Dispose();
            _listener.Dispose();
            await _proxy!.DisposeAsync();
        }

        private int ReceiveFirst()
        {
            var have = 0;
            while (!Encoding.ASCII.GetString(_received, 0, have).EndsWith("\r\n\r\nhello", StringComparison.Ordinal))
            {
                have += _client.Receive(_received.AsSpan(have)) is > 0 and var got ? got : throw new InvalidOperationException("The proxy closed the connection.");
            }

            Assert.StartsWith("HTTP/1.1 200 ", Encoding.ASCII.GetString(_received, 0, have));
            return have;
        }

        private void Serve()
        {
            try
            {
                using var connection = _listener.Accept();
                connection.NoDelay = true;
                var buffer = new byte[4096];
                while (connection.Receive(buffer) > 0)
                {
                    connection.Send(_answer);
                }
            }
            catch (SocketException)
            {
                // The test is over.
            }
        }
    }
}
