using System.Diagnostics;
using Ambient.Api;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;

namespace Ambient.Cli.Waypoints;

/// <summary><c>waypoint list</c> and <c>waypoint status</c>.</summary>
internal static class WaypointViews
{
    private const string NoWaypoints = "No waypoints found.";

    /// <summary>One row for each waypoint.</summary>
    public static async Task<int> ListAsync(KubernetesClient client, bool all, CancellationToken ct)
    {
        var waypoints = await FindAsync(client, all, ct);
        if (waypoints.Count == 0)
        {
            Console.WriteLine(NoWaypoints);
            return 0;
        }

        var classes = (await client.ListAsync(ResourceKinds.GatewayClasses, null, null, ct)).Items;
        var classTraffic = classes.FirstOrDefault(kind => kind.Metadata.Name == WaypointGateway.ClassName)?.Metadata.Label(Labels.WaypointFor);
        var table = new Table([.. Namespaced(all), "NAME", "REVISION", "TRAFFIC TYPE", "PROGRAMMED", "SERVICE ACCOUNT"]);
        foreach (var waypoint in waypoints)
        {
            var account = waypoint.Metadata.Annotation(Annotations.ForServiceAccount);
            table.Add([
                .. all ? [waypoint.Metadata.Namespace ?? ""] : Array.Empty<string>(),
                waypoint.Metadata.Name,
                waypoint.Metadata.Label(Labels.Revision) ?? "default",
                waypoint.Metadata.Label(Labels.WaypointFor) ?? classTraffic ?? (account is null ? "service" : "all"),
                new WaypointReadiness(waypoint).IsReady ? "True" : "False",
                account ?? "<none>",
            ]);
        }

        table.Write(Console.Out);
        return 0;
    }

    /// <summary>One row for each condition of each waypoint.</summary>
    /// <returns>1 if one is missing, or was waited for and not ready.</returns>
    public static async Task<int> StatusAsync(
        KubernetesClient client, IReadOnlyCollection<string> names, bool all, TimeSpan patience, CancellationToken ct)
    {
        var waypoints = (await FindAsync(client, all, ct)).Where(waypoint => names.Count == 0 || names.Contains(waypoint.Metadata.Name)).ToArray();
        var missing = names.Except(waypoints.Select(waypoint => waypoint.Metadata.Name)).ToArray();
        if (waypoints.Length == 0 && missing.Length == 0)
        {
            Console.WriteLine(NoWaypoints);
            return 0;
        }

        var started = Stopwatch.GetTimestamp();
        var late = new List<string>();
        var table = new Table([.. Namespaced(all), "NAME", "STATUS", "TYPE", "REASON", "MESSAGE"]);
        foreach (var waypoint in waypoints)
        {
            var left = patience - Stopwatch.GetElapsedTime(started);
            var seen = await WaypointReadiness.WaitAsync(client, waypoint.Metadata.Namespace!, waypoint.Metadata.Name, left, ct);
            if (!seen.IsReady)
            {
                late.Add($"{waypoint.Metadata.Namespace}/{waypoint.Metadata.Name}: {seen.Reason}");
            }

            foreach (var condition in seen.Gateway?.Status?.Conditions ?? [])
            {
                table.Add([
                    .. all ? [waypoint.Metadata.Namespace ?? ""] : Array.Empty<string>(),
                    waypoint.Metadata.Name, condition.Status ?? "", condition.Type ?? "", condition.Reason ?? "", condition.Message ?? "",
                ]);
            }
        }

        table.Write(Console.Out);
        foreach (var name in missing)
        {
            await Console.Error.WriteLineAsync($"error: there is no waypoint {client.Config.Namespace}/{name}. List them: ambientctl waypoint list -A");
        }

        if (patience > TimeSpan.Zero)
        {
            foreach (var waypoint in late)
            {
                await Console.Error.WriteLineAsync($"error: not ready after {patience.TotalSeconds:0.#} s: waypoint {waypoint}");
            }
        }

        return missing.Length > 0 || (patience > TimeSpan.Zero && late.Count > 0) ? 1 : 0;
    }

    /// <summary>The Gateways of the waypoints' class, by namespace and name.</summary>
    public static async Task<IReadOnlyList<Gateway>> FindAsync(KubernetesClient client, bool all, CancellationToken ct) =>
    [
        .. (await client.ListAsync(ResourceKinds.Gateways, all ? null : client.Config.Namespace, null, ct)).Items
            .Where(gateway => gateway.Spec?.GatewayClassName == WaypointGateway.ClassName)
            .OrderBy(gateway => gateway.Metadata.Namespace, StringComparer.Ordinal)
            .ThenBy(gateway => gateway.Metadata.Name, StringComparer.Ordinal),
    ];

    private static string[] Namespaced(bool all) => all ? ["NAMESPACE"] : [];
}
