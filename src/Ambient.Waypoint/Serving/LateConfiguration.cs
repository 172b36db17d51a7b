using Ambient.Mesh.Http;
using Ambient.Mesh.State;

namespace Ambient.Waypoint.Serving;

/// <summary>
/// Gives configuration that belongs together a moment to arrive: services, policies and bindings come in different messages, and clients'
/// proxies may know of a binding before the waypoint does. After that a connection is refused.
/// </summary>
internal sealed class LateConfiguration(MeshStore mesh, WaypointStore waypoint, TimeProvider time)
{
    /// <summary>Longer than two messages of one push are apart; as the node proxy waits for policies.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>Completes when the condition holds, looked at after each change, or when patience has run out.</summary>
    public async Task UntilAsync(Func<bool> condition)
    {
        var holds = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void Look()
        {
            if (condition())
            {
                holds.TrySetResult();
            }
        }

        void OnMesh(MeshChange change) => Look();
        void OnWaypoint(WaypointChange change) => Look();
        mesh.Changed += OnMesh;
        waypoint.Changed += OnWaypoint;
        try
        {
            Look(); // it may have come before the subscription
            await holds.Task.WaitAsync(Patience, time);
        }
        catch (TimeoutException)
        {
            // The refusal then says what is missing.
        }
        finally
        {
            mesh.Changed -= OnMesh;
            waypoint.Changed -= OnWaypoint;
        }
    }
}
