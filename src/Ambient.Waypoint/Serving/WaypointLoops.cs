using Ambient.Linux;
using Ambient.Mesh.Http;
using Ambient.Proxy.Sockets;

namespace Ambient.Waypoint.Serving;

/// <summary>The waypoint on all its loops. From any thread.</summary>
internal sealed class WaypointLoops : IDisposable
{
    private readonly WaypointPlane _plane;
    private readonly IReadOnlyList<WaypointLoop> _loops;

    private WaypointLoops(WaypointPlane plane, IReadOnlyList<WaypointLoop> loops)
    {
        _plane = plane;
        _loops = loops;
        plane.Waypoint.Changed += JudgeAgain;
    }

    /// <summary>The loops.</summary>
    public IReadOnlyList<WaypointLoop> All => _loops;

    /// <summary>Listens on every loop, then serves.</summary>
    /// <exception cref="LinuxException">The port is taken.</exception>
    public static async Task<WaypointLoops> StartAsync(WaypointPlane plane, IReadOnlyList<EventLoop> loops)
    {
        var sockets = new ProxySockets(plane.Configuration.Sockets, space: null);
        var opened = new List<WaypointLoop>();
        foreach (var loop in loops)
        {
            opened.Add(await loop.RunAsync(() => Task.FromResult(WaypointLoop.Open(plane, loop, sockets))));
        }

        foreach (var one in opened)
        {
            one.Loop.Post(static state => ((WaypointLoop)state!).Start(), one);
        }

        return new WaypointLoops(plane, opened);
    }

    /// <summary>Takes nothing new and completes when what is open has ended, or was cut because the token said so.</summary>
    public Task DrainAsync(CancellationToken cut) => Task.WhenAll(_loops.Select(one => one.Loop.RunAsync(async () =>
    {
        one.Stop();
        using var registration = cut.UnsafeRegister(
            static state => ((WaypointLoop)state!).Loop.Post(static state => ((WaypointLoop)state!).Abort(), state), one);
        await one.DisposeAsync();
    })));

    /// <inheritdoc/>
    public void Dispose() => _plane.Waypoint.Changed -= JudgeAgain;

    /// <summary>Each loop judges its connections by the newest snapshot; rounds may overlap and then do the same twice.</summary>
    private void JudgeAgain(WaypointChange change)
    {
        if (!change.PoliciesChanged)
        {
            return;
        }

        foreach (var one in _loops)
        {
            one.Loop.Post(static state =>
            {
                var (one, waypoint) = ((WaypointLoop, WaypointStore))state!;
                one.Connections.JudgeAgain(waypoint);
            }, (one, _plane.Waypoint));
        }
    }
}
