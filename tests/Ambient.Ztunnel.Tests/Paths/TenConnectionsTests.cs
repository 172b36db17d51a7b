using System.Text;
using Ambient.Ztunnel.Tests.Support;

namespace Ambient.Ztunnel.Tests.Paths;

/// <summary>
/// The ten connections of the recording, through two node proxies of ours: log lines and metrics of both sides equal those of the
/// real ones, line by line.
/// </summary>
public sealed class TenConnectionsTests
{
    [Fact]
    public async Task Ten_connections_are_logged_and_counted_as_recorded()
    {
        await using var world = await TwoNodes.StartAsync(answerSize: 1360);
        var applications = world.Applications;
        Assert.Equal(1360, (await applications.CallAsync(world.Client, "10.203.0.2:7001", new string('x', 79))).Length);
        Assert.Equal(1360, (await applications.CallAsync(world.Client, "10.96.0.10:80", new string('x', 74))).Length);
        foreach (var refused in new[]
        {
            "10.203.0.2:9999", "10.203.0.2:7005", "10.96.0.10:81", "10.96.0.10:83", "10.96.0.11:80", "10.96.0.12:80",
        })
        {
            Assert.True(await applications.IsRefusedAsync(world.Client, refused, ""), refused);
        }

        Assert.Equal(1360, (await applications.CallAsync(world.Client, "10.203.0.3:7001", new string('x', 79))).Length);
        Assert.True(await applications.IsRefusedAsync(world.Client, "10.203.0.9:80", ""));

        await RunningZtunnel.UntilAsync(() => world.Source.AccessLog.Count >= 10 && world.Destination.AccessLog.Count >= 5, "all lines");
        CompareLines("ztunnel/access-source.log", world.Source.AccessLog);
        CompareLines("ztunnel/access-destination.log", world.Destination.AccessLog);
        CompareErrors(world);
        var source = await world.Source.MetricsAsync();
        Assert.Single(source.Split('\n'), IsMissingWaypoint);
        CompareMetrics("ztunnel/metrics-source.txt", source);
        CompareMetrics("ztunnel/metrics-destination.txt", await world.Destination.MetricsAsync());
    }

    private static void CompareLines(string recording, IReadOnlyList<string> ours) => Assert.Equal(
        File.ReadLines(TwoNodes.Golden(recording)).Select(line => AccessLine.Parse(line).Comparable()),
        ours.Select(line => AccessLine.Parse(line).Comparable()));

    /// <summary>The words are ours, and say more than the recorded ones: what is missing, which rule, which attribute.</summary>
    private static void CompareErrors(TwoNodes world)
    {
        Assert.Equal(
            [
                null,
                null,
                "connection closed due to policy rejection: explicitly denied by: shop/deny-9999 (rule 0: destination port 9999 is one of [9999])",
                "connection failed: connect 10.203.0.2:7005: Connection refused (ECONNREFUSED 111)",
                "connection failed: connect 10.203.0.2:7999: Connection refused (ECONNREFUSED 111)",
            ],
            world.Destination.AccessLog.Select(line => AccessLine.Parse(line)["error"]?.Trim('"')));
        Assert.Equal(
            [
                null,
                null,
                "http status: 401 Unauthorized",
                "http status: 503 Service Unavailable",
                "http status: 503 Service Unavailable",
                "no healthy upstream: service shop/server.shop.svc.cluster.local has no port 83; it has 80, 81, 82",
                "no healthy upstream: service shop/empty.shop.svc.cluster.local has no endpoints",
                "unknown waypoint: waypoint nosuch.shop.svc.cluster.local not found",
                null,
                "connection failed: connect 10.203.0.9:80: No route to host (EHOSTUNREACH 113)",
            ],
            world.Source.AccessLog.Select(line => AccessLine.Parse(line)["error"]?.Trim('"')));
    }

    /// <summary>
    /// Every sample of the recording, with its value, and no other sample of its families. Left out: descriptors, which depend on the
    /// process; and what a shared proxy counts besides (its pods), as the recording is of dedicated proxies.
    /// </summary>
    private static void CompareMetrics(string recording, string ours)
    {
        Assert.Equal(Samples(File.ReadAllText(TwoNodes.Golden(recording))), Samples(ours));
        Assert.Contains("\nprocess_open_fds ", ours, StringComparison.Ordinal);
        Assert.Contains("\nprocess_max_fds ", ours, StringComparison.Ordinal);
    }

    /// <summary>Wanted beyond the recording: a waypoint that is required and missing is an outage, which has to be seen in metrics too.</summary>
    private static bool IsMissingWaypoint(string line) =>
        line.StartsWith("istio_tcp_connections_failed_total", StringComparison.Ordinal) && line.Contains("NO_WAYPOINT", StringComparison.Ordinal);

    private static IEnumerable<string> Samples(string text) => text.Split('\n')
        .Where(line => line.Length > 0 && line[0] != '#'
            && !IsMissingWaypoint(line) && !line.StartsWith("process_", StringComparison.Ordinal) && !line.StartsWith("workload_manager_", StringComparison.Ordinal))
        .Order(StringComparer.Ordinal);
}
