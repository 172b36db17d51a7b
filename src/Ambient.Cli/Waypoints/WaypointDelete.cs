using Ambient.Api;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;

namespace Ambient.Cli.Waypoints;

/// <summary><c>waypoint delete</c>.</summary>
internal static class WaypointDelete
{
    /// <summary>Deletes waypoints of the client's namespace, and says whose traffic that stops.</summary>
    /// <returns>1 if one was not there.</returns>
    public static async Task<int> RunAsync(KubernetesClient client, IReadOnlyCollection<string> names, bool all, string? revision, CancellationToken ct)
    {
        if (all == names.Count > 0)
        {
            throw new CliException(all ? "Give names or --all, not both." : "Name the waypoints to delete, or give --all.");
        }

        var ns = client.Config.Namespace;
        var waypoints = (await WaypointViews.FindAsync(client, all: false, ct))
            .Where(waypoint => (all || names.Contains(waypoint.Metadata.Name)) && (revision is null || waypoint.Metadata.Label(Labels.Revision) == revision))
            .ToArray();
        if (all && waypoints.Length == 0)
        {
            Console.WriteLine("No waypoints found.");
        }

        foreach (var waypoint in waypoints)
        {
            await client.DeleteAsync(ResourceKinds.Gateways, ns, waypoint.Metadata.Name, null, ct);
            Console.WriteLine($"waypoint {ns}/{waypoint.Metadata.Name} deleted");
        }

        await WarnAsync(client, [.. waypoints.Select(waypoint => waypoint.Metadata.Name)], ct);
        var missing = names.Except(waypoints.Select(waypoint => waypoint.Metadata.Name)).ToArray();
        foreach (var name in missing)
        {
            await Console.Error.WriteLineAsync($"error: there is no waypoint {ns}/{name}{(revision is null ? "" : $" of revision {revision}")}. List them: ambientctl waypoint list -A");
        }

        return missing.Length > 0 ? 1 : 0;
    }

    /// <summary>Traffic that is bound to a waypoint that does not exist is refused, so whoever deletes one has to know who names it.</summary>
    private static async Task WarnAsync(KubernetesClient client, HashSet<string> deleted, CancellationToken ct)
    {
        if (deleted.Count == 0)
        {
            return;
        }

        var ns = client.Config.Namespace;
        var named = new ListOptions { LabelSelector = Labels.UseWaypoint };
        foreach (var user in (await client.ListAsync(ResourceKinds.Namespaces, null, named, ct)).Items.Where(user => Uses(user.Metadata, user.Metadata.Name)))
        {
            await SayAsync("namespace", user.Metadata.Name, user.Metadata);
        }

        foreach (var user in (await client.ListAsync(ResourceKinds.Services, null, named, ct)).Items.Where(user => Uses(user.Metadata, user.Metadata.Namespace)))
        {
            await SayAsync("service", $"-n {user.Metadata.Namespace} {user.Metadata.Name}", user.Metadata);
        }

        bool Uses(ObjectMeta user, string? home) =>
            deleted.Contains(user.Label(Labels.UseWaypoint) ?? "") && (user.Label(Labels.UseWaypointNamespace) ?? home) == ns;

        Task SayAsync(string kind, string place, ObjectMeta user) => Console.Error.WriteLineAsync(
            $"Warning: {kind} {(user.Namespace is null ? "" : user.Namespace + "/")}{user.Name} still uses waypoint {ns}/{user.Label(Labels.UseWaypoint)}: its traffic is refused. "
            + $"To let it pass without: kubectl label {kind} {place} {Labels.UseWaypoint}-");
    }
}
