using System.Diagnostics;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;

namespace Ambient.Cli.Waypoints;

/// <summary>Whether a waypoint takes traffic.</summary>
/// <param name="Gateway">The Gateway as it was seen last; null if it is gone.</param>
internal readonly record struct WaypointReadiness(Gateway? Gateway)
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(200);

    /// <summary>The control plane says so, of the Gateway as it is now.</summary>
    public bool IsReady => Programmed is { Status: "True" } condition && IsCurrent(condition);

    /// <summary>Why it is not ready, for people.</summary>
    public string Reason => Programmed switch
    {
        null when Gateway is null => "the Gateway is gone.",
        null => "no control plane has answered for the Gateway. Does one run, of the same revision? See: kubectl get pods -n istio-system",
        { Status: "True" } => "the control plane has not looked at its latest change yet.",
        var condition => $"{condition.Reason}: {condition.Message}",
    };

    private Condition? Programmed => (Gateway?.Status?.Conditions ?? []).FirstOrDefault(condition => condition.Type == "Programmed");

    /// <summary>Waits until a waypoint is ready; says how it was last.</summary>
    /// <param name="client">The cluster.</param>
    /// <param name="ns">Its namespace.</param>
    /// <param name="name">Its name.</param>
    /// <param name="limit">At most this long; zero looks once.</param>
    /// <param name="ct">Ends the wait.</param>
    public static async Task<WaypointReadiness> WaitAsync(KubernetesClient client, string ns, string name, TimeSpan limit, CancellationToken ct)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            var seen = new WaypointReadiness(await client.FindAsync(ResourceKinds.Gateways, ns, name, ct));
            if (seen.IsReady || seen.Gateway is null || Stopwatch.GetElapsedTime(started) >= limit)
            {
                return seen;
            }

            await Task.Delay(Poll, ct);
        }
    }

    /// <summary>A condition of before the last change says nothing about it. The placeholder of a fresh Gateway has no generation.</summary>
    private bool IsCurrent(Condition condition) =>
        condition.ObservedGeneration is null || Gateway?.Metadata.Generation is null || condition.ObservedGeneration >= Gateway.Metadata.Generation;
}
