using System.Text.Json;
using Ambient.Hbone.Tests.Support;
using Ambient.Identity.Tests.Peers;

namespace Ambient.Http.Tests.Peers;

/// <summary>Implementations that others wrote, on both sides of a reverse proxy of our codecs: Node, curl, nghttp2's tools.</summary>
public sealed class OtherPeerTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task Node_as_client(bool http2Origin) => WithEdgeAsync(http2Origin, async edge =>
    {
        using var client = new PeerProcess("node", Script("client.js"), $"{edge.Port}", http2Origin ? "2" : "1");
        var line = await client.Lines.ReadLineAsync().WaitAsync(OnLoop.Patience);
        Assert.False(string.IsNullOrEmpty(line), client.Errors);
        using var json = JsonDocument.Parse(line);
        var result = json.RootElement;
        Assert.Equal(200, result.GetProperty("many").GetInt32());
        Assert.Equal(3_000_000, result.GetProperty("large").GetInt32());
        Assert.Equal("PUT /length 3000000", result.GetProperty("largeSeen").GetString());
        Assert.Equal(103, result.GetProperty("hints").GetInt32());
        Assert.Equal("HEAD /head -", result.GetProperty("head").GetProperty("seen").GetString());
        Assert.Equal(503, result.GetProperty("reset").GetInt32());
        Assert.Equal("echo:ping", result.GetProperty("upgraded").GetString());
        Assert.Equal(400, result.GetProperty("bad").GetInt32());
        Assert.Single(edge.Refusals);
        if (!http2Origin)
        {
            Assert.InRange(edge.Dials, 4, 12); // kept, not one for each of 206 requests
        }
    });

    [Theory]
    [InlineData(false, "--http1.1")]
    [InlineData(false, "--http2-prior-knowledge")]
    [InlineData(true, "--http1.1")]
    [InlineData(true, "--http2-prior-knowledge")]
    public Task Curl_as_client(bool http2Origin, string version) => WithEdgeAsync(http2Origin, async edge =>
    {
        var body = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(body, new string('c', 2_000_000));
            using var curl = new PeerProcess(
                "curl", "-sS", "-m", "15", version, "-H", "Expect: 100-continue", "-H", "Transfer-Encoding: chunked", "-T", body, "-w", "|%{http_code} %{size_download} %header{x-seen}",
                "-o", "/dev/null", $"http://127.0.0.1:{edge.Port}/a/../b");
            var answer = await curl.Lines.ReadToEndAsync().WaitAsync(OnLoop.Patience);
            Assert.StartsWith("|200 2000000 PUT /b ", answer, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(body);
        }
    });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task Nghttp_as_client(bool http2Origin) => WithEdgeAsync(http2Origin, async edge =>
    {
        using var load = new PeerProcess("h2load", "-n", "2000", "-c", "4", "-m", "20", $"http://127.0.0.1:{edge.Port}/x");
        var report = await load.Lines.ReadToEndAsync().WaitAsync(OnLoop.Patience);
        Assert.Contains("2000 succeeded, 0 failed, 0 errored", report, StringComparison.Ordinal);
        using var client = new PeerProcess("nghttp", "-v", "-d", Script("origin.js"), "-H", "te: trailers", $"http://127.0.0.1:{edge.Port}/x");
        var answer = await client.Lines.ReadToEndAsync().WaitAsync(OnLoop.Patience);
        Assert.Contains(":status: 200", answer, StringComparison.Ordinal);
        Assert.Equal(http2Origin, answer.Contains("x-trailer: end", StringComparison.Ordinal)); // those of HTTP/1.1 are dropped
    });

    private static string Script(string name) => Path.Combine(AppContext.BaseDirectory, "Peers", name);

    private static Task WithEdgeAsync(bool http2Origin, Func<Edge, Task> test) => OnLoop.RunAsync(async () =>
    {
        using var origin = new PeerProcess("node", Script("origin.js"), http2Origin ? "2" : "1");
        var port = int.Parse((await origin.Lines.ReadLineAsync().WaitAsync(OnLoop.Patience))!);
        await using var edge = new Edge(port, http2Origin, () => origin.Errors);
        await test(edge);
        Assert.Equal("", origin.Errors);
    });
}
