using System.Text.Json.Nodes;
using Ambient.Api;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;

namespace Ambient.Cli.Waypoints;

/// <summary><c>waypoint apply</c>: the Gateway, the namespace's label, and the wait until traffic is taken.</summary>
internal sealed class WaypointApply(KubernetesClient client, WaypointGateway gateway)
{
    /// <summary>Under which the fields of the Gateway are owned, so that a later apply takes back what it no longer says.</summary>
    private const string FieldManager = "ambientctl";

    private readonly string _namespace = client.Config.Namespace;

    private string Key => $"{_namespace}/{gateway.Name}";

    /// <summary>Applies.</summary>
    /// <param name="enroll">Label the namespace.</param>
    /// <param name="overwrite">Replace what others have set.</param>
    /// <param name="patience">How long to wait for readiness; null: not at all.</param>
    /// <param name="ct">Ends the wait.</param>
    public async Task<int> RunAsync(bool enroll, bool overwrite, TimeSpan? patience, CancellationToken ct)
    {
        var ns = await client.FindAsync(ResourceKinds.Namespaces, null, _namespace, ct)
            ?? throw new CliException($"There is no namespace {_namespace}. Create it: kubectl create namespace {_namespace}");

        // What would fail later fails before anything was changed.
        if (enroll && ns.Metadata.Label(Labels.UseWaypoint) is { Length: > 0 } other && other != gateway.Name && !overwrite)
        {
            throw new CliException($"Namespace {_namespace} uses waypoint {other} already. Give --overwrite to let it use {gateway.Name} instead.");
        }

        await ApplyAsync(overwrite, ct);
        Console.WriteLine($"waypoint {Key} applied");
        await WarnAsync(ct);
        if (enroll)
        {
            await EnrollAsync(ns, ct);
        }

        return patience is { } limit ? await WaitAsync(limit, ct) : 0;
    }

    private async Task ApplyAsync(bool overwrite, CancellationToken ct)
    {
        try
        {
            await client.PatchJsonAsync(
                ResourceKinds.Gateways.Path(_namespace, gateway.Name),
                gateway.Manifest(_namespace),
                PatchType.Apply,
                new PatchOptions(FieldManager: FieldManager, Force: overwrite),
                ct);
        }
        catch (KubernetesException e) when (e.IsConflict)
        {
            throw new CliException($"Gateway {Key} was made by somebody else, differently: {e.ServerMessage}. Give --overwrite to change it.", e);
        }
    }

    private async Task WarnAsync(CancellationToken ct)
    {
        if (gateway.ServiceAccount is { } account && await client.FindAsync(ResourceKinds.ServiceAccounts, _namespace, account, ct) is null)
        {
            await Console.Error.WriteLineAsync($"Warning: there is no service account {_namespace}/{account} yet; the waypoint takes no traffic until something runs as it.");
        }
    }

    private async Task EnrollAsync(Namespace ns, CancellationToken ct)
    {
        var labels = new JsonObject { [Labels.UseWaypoint] = gateway.Name };
        if (ns.Metadata.Label(Labels.UseWaypointNamespace) is not null)
        {
            labels[Labels.UseWaypointNamespace] = null; // it named a waypoint of another namespace
        }

        await client.PatchAsync(
            ResourceKinds.Namespaces, null, _namespace, new JsonObject { ["metadata"] = new JsonObject { ["labels"] = labels } }, PatchType.Merge, null, ct);
        Console.WriteLine($"namespace {_namespace} labeled with \"{Labels.UseWaypoint}: {gateway.Name}\"");
        if (ns.Metadata.Label(Labels.DataplaneMode) != Labels.Ambient)
        {
            await Console.Error.WriteLineAsync(
                $"Warning: namespace {_namespace} is not in the mesh. Its pods are reached without the mesh until it is: kubectl label namespace {_namespace} {Labels.DataplaneMode}={Labels.Ambient}");
        }
    }

    private async Task<int> WaitAsync(TimeSpan limit, CancellationToken ct)
    {
        var last = await WaypointReadiness.WaitAsync(client, _namespace, gateway.Name, limit, ct);
        if (last.IsReady)
        {
            Console.WriteLine($"waypoint {Key} is ready");
            return 0;
        }

        await Console.Error.WriteLineAsync($"error: waypoint {Key} was not ready after {limit.TotalSeconds:0.#} s: {last.Reason}");
        return 1;
    }
}
