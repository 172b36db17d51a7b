using Ambient.Mesh.Config;
using Ambient.Mesh.Http;
using Ambient.Xds.Delta;

namespace Ambient.Waypoint.Discovery;

/// <summary>
/// A type of the waypoint's own configuration from the control plane into its store: all good resources of a response take effect together;
/// bad ones are answered with the field that is wrong, and what they were before stays.
/// </summary>
/// <param name="store">Where to.</param>
/// <param name="add">Reads one resource into an update.</param>
/// <param name="remove">Which list of an update names what is gone.</param>
internal sealed class WaypointSink(
    WaypointStore store, Action<WaypointUpdate, ReceivedResource> add, Func<WaypointUpdate, List<string>> remove) : IResourceSink
{
    /// <summary>The waypoint itself.</summary>
    public static WaypointSink OfWaypoint(WaypointStore store) => new(
        store,
        (update, resource) => update.Waypoint = WaypointDecoder.DecodeWaypoint(resource.Name, resource.Value),
        update => update.RemovedWaypoints);

    /// <summary>Services with their routes and traffic policies.</summary>
    public static WaypointSink OfServices(WaypointStore store) => new(
        store,
        (update, resource) => update.Services.Add(WaypointDecoder.DecodeService(resource.Name, resource.Value)),
        update => update.RemovedServices);

    /// <summary>Authorization policies.</summary>
    public static WaypointSink OfPolicies(WaypointStore store) => new(
        store,
        (update, resource) => update.Policies.Add(WaypointDecoder.DecodePolicy(resource.Name, resource.Value)),
        update => update.RemovedPolicies);

    /// <inheritdoc/>
    public IReadOnlyList<ResourceRejection> Apply(IReadOnlyList<ReceivedResource> updates, IReadOnlyList<string> removals)
    {
        var rejections = new List<ResourceRejection>();
        var update = new WaypointUpdate();
        remove(update).AddRange(removals);
        foreach (var resource in updates)
        {
            try
            {
                add(update, resource);
            }
            catch (MeshConfigException wrong)
            {
                rejections.Add(new ResourceRejection(resource.Name, wrong.Message));
            }
        }

        if (!update.IsEmpty)
        {
            store.Apply(update);
        }

        return rejections;
    }
}
