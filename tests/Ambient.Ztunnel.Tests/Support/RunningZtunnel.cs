using System.Text;
using System.Text.RegularExpressions;
using Ambient.Identity.Certificates;
using Ambient.Telemetry.Logging;
using Ambient.Telemetry.Servers;
using Ambient.Ztunnel.Configuration;

namespace Ambient.Ztunnel.Tests.Support;

/// <summary>A whole node proxy in the test's process, with its log at hand.</summary>
internal sealed partial class RunningZtunnel : IAsyncDisposable
{
    private readonly LogStream _log = new();
    private readonly LogOutput _output;
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(10) };

    private RunningZtunnel(ZtunnelConfiguration configuration, ICertificateAuthority authority, string filter)
    {
        _output = new LogOutput(LogFormat.Plain, LogFilter.Parse(filter), _log);
        App = new ZtunnelApp(configuration, _output, TimeProvider.System, authority);
        Running = App.RunAsync();
    }

    public ZtunnelApp App { get; }

    public Task Running { get; }

    /// <summary>Everything that was logged.</summary>
    public string Log => _log.Text;

    /// <summary>The lines of the access log, with their times replaced.</summary>
    public IReadOnlyList<string> AccessLog => [.. Log.Split('\n')
        .Where(line => line.Contains("\taccess\t", StringComparison.Ordinal))
        .Select(line => Time().Replace(line, "<time>", 1))];

    public static ZtunnelConfiguration Configuration(string node, string agent, string mesh, int threads = 1) => new()
    {
        NodeName = node,
        InpodSocket = agent,
        LocalXds = mesh,
        WorkerThreads = threads,
        Admin = ListenAddress.Localhost(0),
        Metrics = ListenAddress.Localhost(0),
        Readiness = ListenAddress.Localhost(0),
        TerminationDeadline = TimeSpan.FromSeconds(5),
    };

    public static async Task<RunningZtunnel> StartAsync(ZtunnelConfiguration configuration, ICertificateAuthority authority, string filter = "info")
    {
        var ztunnel = new RunningZtunnel(configuration, authority, filter);
        await (await Task.WhenAny(ztunnel.App.Listening, ztunnel.Running)).WaitAsync(TimeSpan.FromSeconds(10));
        return ztunnel;
    }

    public Task<string> GetAsync(PageServer server, string path) => _http.GetStringAsync(Url(server, path));

    public async Task<(int Status, string Text)> FetchAsync(PageServer server, string path, bool post = false)
    {
        using var response = await (post ? _http.PostAsync(Url(server, path), null) : _http.GetAsync(Url(server, path)));
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    public async Task<string> MetricsAsync() => await GetAsync(App.Servers.Metrics, "/metrics");

    /// <summary>Waits until something is so.</summary>
    public static async Task UntilAsync(Func<bool> condition, string what)
    {
        var end = DateTime.UtcNow.AddSeconds(10);
        while (!condition())
        {
            Assert.True(DateTime.UtcNow < end, $"not within 10 s: {what}");
            await Task.Delay(10);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await App.Quit.CancelAsync();
        await Running.WaitAsync(TimeSpan.FromSeconds(15));
        await _output.DisposeAsync();
        _http.Dispose();
    }

    private static Uri Url(PageServer server, string path) => new($"http://{server.EndPoints[0]}{path}");

    [GeneratedRegex(@"^[0-9TZ:.\-]+")]
    private static partial Regex Time();

    /// <summary>Large from the start: what it would grow by is not the proxy's.</summary>
    private sealed class LogStream() : MemoryStream(1 << 20)
    {
        private readonly Lock _lock = new();

        public string Text
        {
            get
            {
                lock (_lock)
                {
                    return Encoding.UTF8.GetString(GetBuffer(), 0, (int)Length);
                }
            }
        }

        public override void Write(byte[] buffer, int offset, int count)
        {
            lock (_lock)
            {
                base.Write(buffer, offset, count);
            }
        }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            lock (_lock)
            {
                base.Write(buffer);
            }
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Write(buffer.Span);
            return ValueTask.CompletedTask;
        }

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
        {
            Write(buffer, offset, count);
            return Task.CompletedTask;
        }
    }
}
