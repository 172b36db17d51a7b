using Ambient.Xds.Delta;
using Google.Protobuf;

namespace Ambient.ControlPlane.Waypoints;

/// <summary>A resource for one waypoint alone.</summary>
/// <param name="Waypoint">The key of its Gateway.</param>
/// <param name="Name">The resource's name.</param>
/// <param name="Resource">What the waypoint gets.</param>
internal sealed record Scoped<T>(string Waypoint, string Name, T Resource)
    where T : class, IMessage
{
    public ResourceScope Scope => new(Waypoint);

    public string Key => Scope.KeyOf(Name);
}
