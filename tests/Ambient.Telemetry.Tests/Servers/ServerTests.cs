using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Ambient.Telemetry.Logging;
using Ambient.Telemetry.Metrics;
using Ambient.Telemetry.Servers;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ambient.Telemetry.Tests.Servers;

public sealed class ServerTests : IAsyncLifetime
{
    private readonly HttpClient _client = new(new SocketsHttpHandler { AutomaticDecompression = DecompressionMethods.None }) { Timeout = TimeSpan.FromSeconds(10) };
    private readonly MemoryStream _logged = new();
    private readonly List<PageServer> _servers = [];
    private LogOutput _logs = null!;

    public Task InitializeAsync()
    {
        _logs = new LogOutput(LogFormat.Plain, LogFilter.Default, _logged);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        foreach (var server in _servers)
        {
            await server.DisposeAsync();
        }

        await _logs.DisposeAsync();
        _logged.Dispose();
    }

    [Fact]
    public async Task Metrics_come_in_the_format_and_encoding_that_the_scraper_accepts()
    {
        var registry = new MetricRegistry();
        registry.Counter("hits", "").Single.Add(2);
        var url = await StartAsync(MetricsServer.Create(registry, ListenAddress.Localhost(0), NullLoggerFactory.Instance));

        using var plain = await _client.GetAsync(url + "/stats/prometheus");
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", plain.Content.Headers.ContentType!.ToString());
        Assert.Equal("# TYPE hits_total counter\nhits_total 2\n", await plain.Content.ReadAsStringAsync());

        using var request = new HttpRequestMessage(HttpMethod.Get, url + "/metrics");
        request.Headers.TryAddWithoutValidation("Accept", "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;q=0.3");
        request.Headers.TryAddWithoutValidation("Accept-Encoding", "br;q=0, gzip");
        using var open = await _client.SendAsync(request);
        Assert.Equal("application/openmetrics-text; version=1.0.0; charset=utf-8", open.Content.Headers.ContentType!.ToString());
        Assert.Equal(["gzip"], open.Content.Headers.ContentEncoding);
        using var unzipped = new StreamReader(new GZipStream(await open.Content.ReadAsStreamAsync(), CompressionMode.Decompress));
        Assert.Equal("# TYPE hits counter\nhits_total 2\n# EOF\n", await unzipped.ReadToEndAsync());

        using var refusing = new HttpRequestMessage(HttpMethod.Get, url + "/metrics");
        refusing.Headers.TryAddWithoutValidation("Accept-Encoding", "gzip;q=0");
        Assert.Empty((await _client.SendAsync(refusing)).Content.Headers.ContentEncoding);
    }

    [Fact]
    public async Task A_large_scrape_arrives_whole()
    {
        var registry = new MetricRegistry();
        var family = registry.Counter("hits", "", new FamilyOptions { Labels = ["pod"] });
        for (var pod = 0; pod < 8000; pod++)
        {
            family.With($"a-pod-with-a-name-of-usual-length-{pod}").Add(pod);
        }

        var url = await StartAsync(MetricsServer.Create(registry, ListenAddress.Localhost(0), NullLoggerFactory.Instance));
        var lines = (await _client.GetStringAsync(url + "/metrics")).Split('\n');
        Assert.Equal("hits_total{pod=\"a-pod-with-a-name-of-usual-length-7999\"} 7999", lines[^2]);
        Assert.Equal(8002, lines.Length);
    }

    [Fact]
    public async Task Ready_means_that_nothing_is_pending()
    {
        var readiness = new Readiness();
        var proxy = readiness.Register("proxy");
        var state = readiness.Register("state manager");
        var url = await StartAsync(ReadinessServer.Create(readiness, ListenAddress.Localhost(0), NullLoggerFactory.Instance)) + "/healthz/ready";

        await Answers(url, HttpStatusCode.InternalServerError, "not ready, pending: proxy, state manager\n");
        proxy.Ready();
        await Answers(url, HttpStatusCode.InternalServerError, "not ready, pending: state manager\n");
        state.Ready();
        await Answers(url, HttpStatusCode.OK, "ready\n");
        proxy.NotReady();
        await Answers(url, HttpStatusCode.InternalServerError, "not ready, pending: proxy\n");
        Assert.Throws<InvalidOperationException>(() => readiness.Register("proxy"));
    }

    [Fact]
    public async Task The_index_lists_pages_and_others_are_404_or_405()
    {
        var admin = AdminServer.Create("ztunnel <1>", _logs, ListenAddress.Localhost(0));
        admin.Get("/config_dump", "everything & more", context => PageServer.AnswerAsync(context, 200, "{}"));
        admin.Get("/broken", "fails", _ => throw new InvalidOperationException("no state yet"));
        var url = await StartAsync(admin);

        var index = await _client.GetStringAsync(url + "/");
        Assert.Contains("<h1>ztunnel &lt;1&gt;</h1>", index, StringComparison.Ordinal);
        Assert.Contains("<td><a href=\"/config_dump\">/config_dump</a></td><td>everything &amp; more</td>", index, StringComparison.Ordinal);
        await Answers(url + "/config_dump?x=1", HttpStatusCode.OK, "{}");
        await Answers(url + "/nothing", HttpStatusCode.NotFound, "There is no page /nothing here.\n");
        await Answers(url + "/broken", HttpStatusCode.InternalServerError, "/broken failed: no state yet\n");

        using var post = await _client.PostAsync(url + "/config_dump", null);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, post.StatusCode);
        Assert.Equal(["GET", "HEAD"], post.Content.Headers.Allow);
        using var head = await _client.SendAsync(new HttpRequestMessage(HttpMethod.Head, url + "/config_dump"));
        Assert.Equal((HttpStatusCode.OK, 2), (head.StatusCode, head.Content.Headers.ContentLength));
    }

    [Fact]
    public async Task The_log_filter_is_listed_changed_and_reset()
    {
        var url = await StartAsync(AdminServer.Create("ztunnel", _logs, ListenAddress.Localhost(0))) + "/logging";
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await _client.GetAsync(url)).StatusCode);
        Assert.Equal("current log level is microsoft=warn,info\n", await PostAsync(url));
        Assert.Equal("current log level is microsoft=warn,debug\n", await PostAsync(url + "?level=debug"));
        Assert.Equal("current log level is access=off,microsoft=warn,xds::client=trace,debug\n", await PostAsync(url + "?level=xds::client=trace,access=off"));
        Assert.True(_logs.Factory.CreateLogger("xds::client").IsEnabled(LogLevel.Trace));
        Assert.Equal("current log level is microsoft=warn,xds=error,info\n", await PostAsync(url + "?reset&level=xds=error"));
        Assert.Equal("current log level is microsoft=warn,info\n", await PostAsync(url + "?reset"));
        Assert.StartsWith("Log filter entry 'loud' is not LEVEL or SCOPE=LEVEL", await PostAsync(url + "?level=loud"), StringComparison.Ordinal);
        Assert.StartsWith("unknown parameter lvl\nusage: POST /logging", await PostAsync(url + "?lvl=info"), StringComparison.Ordinal);
        Assert.Equal("current log level is microsoft=warn,info\n", await PostAsync(url));
    }

    [Fact]
    public async Task A_wildcard_takes_both_families_and_localhost_too()
    {
        var pages = new PageServer("test", ListenAddress.Any(0), NullLoggerFactory.Instance).Get("/a", "a", context => PageServer.AnswerAsync(context, 200, "a"));
        await StartAsync(pages);
        var port = pages.EndPoints.Single().Port;
        await Answers($"http://127.0.0.1:{port}/a", HttpStatusCode.OK, "a");
        await Answers($"http://[::1]:{port}/a", HttpStatusCode.OK, "a");

        var other = FreePort();
        var local = new PageServer("test", ListenAddress.Parse($"localhost:{other}"), NullLoggerFactory.Instance).Get("/a", "a", context => PageServer.AnswerAsync(context, 200, "a"));
        await StartAsync(local);
        Assert.Equal([$"127.0.0.1:{other}", $"[::1]:{other}"], local.EndPoints.Select(endpoint => endpoint.ToString()));
        await Answers($"http://[::1]:{other}/a", HttpStatusCode.OK, "a");
    }

    [Fact]
    public async Task An_address_in_use_is_named_with_the_remedy()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var address = taken.LocalEndpoint.ToString()!;
        await using var server = new PageServer("admin", ListenAddress.Parse(address), NullLoggerFactory.Instance);
        var failure = await Assert.ThrowsAsync<IOException>(() => server.StartAsync(default));
        Assert.StartsWith($"The admin server cannot listen on {address}: ", failure.Message, StringComparison.Ordinal);
        Assert.EndsWith("Free the port or configure another address.", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("15000")]
    [InlineData("localhost")]
    [InlineData("host:1")]
    [InlineData("::1:80")]
    [InlineData("1.2.3.4:65536")]
    [InlineData("1.2.3.4:-1")]
    public void A_wrong_address_is_named(string text) =>
        Assert.Equal(
            $"'{text}' is not an address to listen on: write localhost:PORT, *:PORT, IPV4:PORT or [IPV6]:PORT.",
            Assert.Throws<FormatException>(() => ListenAddress.Parse(text)).Message);

    [Theory]
    [InlineData("*:1", true, "[::]:1")]
    [InlineData("*:1", false, "0.0.0.0:1")]
    [InlineData("[fd00::1]:2", true, "[fd00::1]:2")]
    [InlineData("1.2.3.4:3", true, "1.2.3.4:3")]
    [InlineData("localhost:4", true, "127.0.0.1:4 [::1]:4")]
    [InlineData("localhost:4", false, "127.0.0.1:4")]
    public void An_address_gives_what_to_bind(string text, bool ipv6, string endpoints) =>
        Assert.Equal(endpoints, string.Join(' ', ListenAddress.Parse(text, ipv6).EndPoints));

    private async Task<string> StartAsync(PageServer server)
    {
        _servers.Add(server);
        await server.StartAsync(default);
        return $"http://{server.EndPoints[0]}";
    }

    private async Task<string> PostAsync(string url)
    {
        using var answer = await _client.PostAsync(url, null);
        return await answer.Content.ReadAsStringAsync();
    }

    private async Task Answers(string url, HttpStatusCode status, string body)
    {
        using var answer = await _client.GetAsync(url);
        Assert.Equal((status, body), (answer.StatusCode, await answer.Content.ReadAsStringAsync()));
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
