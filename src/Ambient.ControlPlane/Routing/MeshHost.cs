using Ambient.ControlPlane.Collections;

namespace Ambient.ControlPlane.Routing;

/// <summary>A name that requests can be for, and to which routes can send them.</summary>
/// <param name="Namespace">Whose it is.</param>
/// <param name="Hostname">In full; the same host may be of several namespaces.</param>
/// <param name="Kind">What stands for it.</param>
/// <param name="Resource">The key of that resource.</param>
/// <param name="Ports">The ports that it declares.</param>
internal sealed record MeshHost(string Namespace, string Hostname, HostKind Kind, string Resource, Values<uint> Ports)
{
    public string Key => KeyOf(Namespace, Hostname);

    /// <summary>The key of a host, as workloads and waypoints name services: <c>namespace/hostname</c>.</summary>
    public static string KeyOf(string ns, string hostname) => $"{ns}/{hostname}";
}

/// <summary>Kinds of resources that stand for hosts.</summary>
internal enum HostKind
{
    Service,
    ServiceEntry,
}

/// <summary>Which waypoint serves a host.</summary>
/// <param name="Key">Of the host.</param>
/// <param name="Waypoint">The key of its Gateway; null for none.</param>
internal sealed record HostBinding(string Key, string? Waypoint);
