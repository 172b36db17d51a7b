using System.Collections.Concurrent;

namespace Ambient.Waypoint.Requests.Upstreams;

/// <summary>The upstreams of the process. Bound: one for each port and subset that routes and clients name; unused ones are forgotten.</summary>
internal sealed class UpstreamTable
{
    /// <summary>As long as connections to it may be idle, and a sweep: then nothing of it is left.</summary>
    public static readonly TimeSpan UnusedTime = TimeSpan.FromHours(2);

    private readonly ConcurrentDictionary<UpstreamKey, Upstream> _upstreams = new();
    private readonly int _loops;

    /// <summary>Makes an empty table.</summary>
    /// <param name="loops">How many loops use it.</param>
    public UpstreamTable(int loops) => _loops = loops;

    /// <summary>All, for dumps.</summary>
    public ICollection<Upstream> All => _upstreams.Values;

    /// <summary>The upstream of a key.</summary>
    public Upstream Of(UpstreamKey key) => _upstreams.TryGetValue(key, out var known) ? known : _upstreams.GetOrAdd(key, new Upstream(key, _loops));

    /// <summary>Forgets what nobody uses.</summary>
    public void Sweep(long now)
    {
        foreach (var (key, upstream) in _upstreams)
        {
            if (now - upstream.UsedAt > UnusedTime.TotalMilliseconds && upstream.Limits is { Connections: 0, Requests: 0 })
            {
                _upstreams.TryRemove(key, out _);
            }
        }
    }
}
