using Ambient.Api.Discovery;
using Ambient.Proxy.Discovery;
using Ambient.Waypoint.Configuration;
using Google.Protobuf.WellKnownTypes;

namespace Ambient.Waypoint.Discovery;

/// <summary>Who the waypoint is to the control plane, which compares it with the token of the connection.</summary>
internal static class WaypointNode
{
    /// <summary>The node of the first request: role <c>waypoint</c>, and whose waypoint it is.</summary>
    public static Node Of(WaypointConfiguration configuration)
    {
        var node = XdsNode.Of(configuration, "waypoint");
        node.Metadata.Fields["SERVICE_ACCOUNT"] = Value.ForString(configuration.Pod.ServiceAccount);
        node.Metadata.Fields["GATEWAY_NAME"] = Value.ForString(configuration.Gateway);
        node.Metadata.Fields["CLUSTER_ID"] = Value.ForString(configuration.ClusterId);
        return node;
    }
}
