using Ambient.Api.Discovery;
using Ambient.ControlPlane.Authority;
using Ambient.ControlPlane.Derivation;
using Ambient.ControlPlane.Waypoints;
using Ambient.Xds.Delta;
using Ambient.Xds.Grpc;
using Microsoft.Extensions.Logging;
using Address = Ambient.Api.Workloads.Address;

namespace Ambient.ControlPlane.Serving;

/// <summary>Delta discovery for callers that have shown who they are, and for whom runs beside us.</summary>
internal sealed class XdsService(
    DeltaServer server, TokenAuthenticator authenticator, Func<string, Waypoint?> waypoint, bool checkNode, ILogger logger)
{
    /// <summary>For the TLS port: the token's service account must be the one that the node claims to run as.</summary>
    public async Task ServeAsync(
        MessageReader<DeltaDiscoveryRequest> requests, MessageWriter<DeltaDiscoveryResponse> responses, ServerCallContext context)
    {
        var caller = await authenticator.AuthenticateAsync(context);
        await server.ServeAsync(requests, responses, context, node =>
        {
            if (checkNode && Mismatch(node, caller) is { } why)
            {
                Log.NodeRefused(logger, node.Id, caller, context.Peer, why);
                throw new GrpcException(GrpcStatus.Unauthenticated, $"authorization failed: {why}");
            }

            return ScopeOf(node, caller, context);
        });
    }

    /// <summary>For the plaintext port, which listens on loopback only.</summary>
    public Task ServeLocalAsync(
        MessageReader<DeltaDiscoveryRequest> requests, MessageWriter<DeltaDiscoveryResponse> responses, ServerCallContext context) =>
        server.ServeAsync(requests, responses, context, node => WaypointKey(node) is { } key ? new ResourceScope(key) : ResourceScope.Shared);

    /// <summary>What a client that asks by name gets besides: workloads of the services it named, and those on its own node.</summary>
    public static bool IsRelated(IReadOnlyDictionary<string, Address> addresses, DeltaResource resource, Node node, IReadOnlySet<string> names) =>
        addresses.TryGetValue(resource.Name, out var address)
        && address.Workload is { } workload
        && ((workload.Node.Length > 0 && workload.Node == Metadata(node, "NODE_NAME")) || workload.Services.Keys.Any(names.Contains));

    /// <summary>Why the node cannot be the caller's; null if it can.</summary>
    internal static string? Mismatch(Node node, Caller caller)
    {
        var ns = Metadata(node, "NAMESPACE") ?? NamespaceOf(node.Id);
        if (ns is not null && ns != caller.Identity.Namespace)
        {
            return $"the node is of namespace {ns}, the caller of {caller.Identity.Namespace}";
        }

        var account = Metadata(node, "SERVICE_ACCOUNT");
        return account is null || account == caller.Identity.ServiceAccount
            ? null
            : $"the node runs as {account}, the caller is {caller.Identity.ServiceAccount}";
    }

    /// <summary>
    /// What a node may see beside the mesh: as a waypoint, that which is for its Gateway. Whose it is follows from the token: another's
    /// service account gets nothing, whatever the node says.
    /// </summary>
    private ResourceScope ScopeOf(Node node, Caller caller, ServerCallContext context)
    {
        if (WaypointKey(node) is not { } key)
        {
            return ResourceScope.Shared;
        }

        if (waypoint(key) is not { } known)
        {
            throw new GrpcException(GrpcStatus.Unavailable, $"there is no Gateway {key} (yet); try again");
        }

        if ((known.Namespace, known.Account) != (caller.Identity.Namespace, caller.Identity.ServiceAccount))
        {
            var why = $"the pods of Gateway {key} run as {known.Namespace}/{known.Account}";
            Log.NodeRefused(logger, node.Id, caller, context.Peer, why);
            throw new GrpcException(GrpcStatus.Unauthenticated, $"authorization failed: {why}");
        }

        return new ResourceScope(key);
    }

    /// <summary>The key of the Gateway whose waypoint the node says to be; null where it is none.</summary>
    internal static string? WaypointKey(Node node) =>
        node.Id.StartsWith("waypoint~", StringComparison.Ordinal)
        && Metadata(node, "GATEWAY_NAME") is { } gateway
        && (Metadata(node, "NAMESPACE") ?? NamespaceOf(node.Id)) is { } ns
            ? ResourceKey.Of(ns, gateway)
            : null;

    private static string? Metadata(Node node, string key) =>
        node.Metadata?.Fields.TryGetValue(key, out var value) == true && value.StringValue.Length > 0 ? value.StringValue : null;

    /// <summary>From <c>TYPE~IP~POD.NAMESPACE~DOMAIN</c>.</summary>
    private static string? NamespaceOf(string id) =>
        id.Split('~') is [_, _, var pod, _] && pod.IndexOf('.', StringComparison.Ordinal) is > 0 and var dot ? pod[(dot + 1)..] : null;
}
