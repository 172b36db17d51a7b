using System.Net;
using System.Text;
using Ambient.Proxy.Connections;
using Ambient.Telemetry.Logging;
using Ambient.Telemetry.Metrics;

namespace Ambient.Proxy.Tests.Connections;

/// <summary>One connection is one log line and is counted once, whatever happens to it.</summary>
public sealed class ConnectionReportTests : IAsyncDisposable
{
    private readonly MemoryStream _lines = new();
    private readonly LogOutput _output;
    private readonly TrafficMetrics _metrics = new(new MetricRegistry());
    private readonly ConnectionTelemetry _telemetry;

    public ConnectionReportTests()
    {
        _output = new LogOutput(LogFormat.Plain, LogFilter.Default, _lines);
        _telemetry = new ConnectionTelemetry(_metrics, new AccessLog(_output.Factory), TimeProvider.System);
    }

    public ValueTask DisposeAsync() => _output.DisposeAsync();

    [Theory]
    [InlineData(true, 20, 10)]
    [InlineData(false, 10, 20)]
    public async Task Bytes_are_named_from_the_reporters_side_in_the_log(bool inbound, int sent, int received)
    {
        var report = Open(inbound);
        report.FromClient(4);
        report.FromClient(6);
        report.FromServer(20);
        report.Complete(ConnectionFailure.None, null);
        var line = Assert.Single(await LinesAsync());
        Assert.Contains("\tinfo\taccess\tconnection complete\t", line, StringComparison.Ordinal);
        Assert.Contains($"bytes_sent={sent} bytes_recv={received} ", line, StringComparison.Ordinal);
        Assert.DoesNotContain("error=", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_first_end_counts()
    {
        var report = Open(inbound: true);
        report.Complete(ConnectionFailure.Connect, "no way");
        report.Complete(ConnectionFailure.None, null);
        var line = Assert.Single(await LinesAsync());
        Assert.Contains("\terror\taccess\t", line, StringComparison.Ordinal);
        Assert.EndsWith("error=\"no way\"", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_verdict_from_outside_outweighs_what_the_relay_saw()
    {
        var report = Open(inbound: true);
        report.Verdict = (ConnectionFailure.Denied, "connection closed due to policy change: because");
        report.Complete(ConnectionFailure.None, null);
        Assert.EndsWith("error=\"connection closed due to policy change: because\"", Assert.Single(await LinesAsync()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ConnectionFailure.None, "-")]
    [InlineData(ConnectionFailure.Denied, "DENY")]
    [InlineData(ConnectionFailure.Connect, "CONNECT")]
    [InlineData(ConnectionFailure.Tls, "TLS_FAILURE")]
    [InlineData(ConnectionFailure.Http2Handshake, "H2_HANDSHAKE_FAILURE")]
    [InlineData(ConnectionFailure.NetworkPolicy, "NETWORK_POLICY")]
    [InlineData(ConnectionFailure.Identity, "IDENTITY_ERROR")]
    [InlineData(ConnectionFailure.CertificateRevoked, "CERT_REVOKED")]
    public void Every_failure_has_the_flag_that_dashboards_know(ConnectionFailure failure, string flag) =>
        Assert.Equal(flag, ResponseFlags.Of(failure));

    private ConnectionReport Open(bool inbound) => ConnectionReport.Open(
        _telemetry,
        new ConnectionParties
        {
            Inbound = inbound,
            SourceAddress = new IPEndPoint(IPAddress.Parse("10.0.0.1"), 1000),
            DestinationAddress = new IPEndPoint(IPAddress.Parse("10.0.0.2"), 15008),
        },
        _telemetry.Time.GetTimestamp());

    private async Task<string[]> LinesAsync()
    {
        await _output.DisposeAsync();
        return Encoding.UTF8.GetString(_lines.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
