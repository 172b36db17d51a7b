using System.Net;
using Ambient.Api;
using Ambient.Mesh.Model;
using Ambient.Mesh.Routing;

namespace Ambient.Waypoint.Requests.Upstreams;

/// <summary>One endpoint of an upstream, as all loops of the process use it.</summary>
internal sealed class UpstreamEndpoint(Upstream upstream, in EligibleEndpoint endpoint, int loops)
{
    private readonly EndpointPool?[] _pools = new EndpointPool?[loops];
    private int _requests;

    /// <summary>Of which it is a part.</summary>
    public Upstream Upstream { get; } = upstream;

    /// <summary>The workload.</summary>
    public Workload Workload { get; } = endpoint.Workload;

    /// <summary>The port that it listens on.</summary>
    public ushort Port { get; } = endpoint.Port;

    /// <summary>Its address; null where only its host name is known.</summary>
    public IPAddress? Address { get; } = endpoint.Address;

    /// <summary>Address and port for the log.</summary>
    public IPEndPoint? EndPoint { get; } = endpoint.Address is { } address ? new IPEndPoint(address, endpoint.Port) : null;

    /// <summary>How near it is; the higher the nearer.</summary>
    public int Rank { get; } = endpoint.Rank;

    /// <summary>Its share, relative to others.</summary>
    public uint Weight { get; } = Math.Max(1, endpoint.Workload.Capacity);

    /// <summary>What requests have seen of it.</summary>
    public EndpointHealth Health { get; init; } = new();

    /// <summary>It is no endpoint any more: its connections end when they are idle.</summary>
    public bool IsGone { get; set; }

    /// <summary>Requests under way.</summary>
    public int Requests => Volatile.Read(ref _requests);

    /// <summary>Its connections on a loop; only that loop asks.</summary>
    public ref EndpointPool? PoolOf(int loop) => ref _pools[loop];

    /// <summary>A request begins.</summary>
    public void Begin() => Interlocked.Increment(ref _requests);

    /// <summary>A request has ended.</summary>
    public void End() => Interlocked.Decrement(ref _requests);

    /// <summary>Whether connections to it may go on under a changed record of the same workload.</summary>
    public bool IsSame(in EligibleEndpoint other) =>
        Port == other.Port && Equals(Address, other.Address) && Rank == other.Rank && Weight == Math.Max(1, other.Workload.Capacity)
        && (ReferenceEquals(Workload, other.Workload) || SameWay(Workload, other.Workload));

    private static bool SameWay(Workload one, Workload other) =>
        one.Protocol == other.Protocol && one.Identity == other.Identity && one.Hostname == other.Hostname && one == other;
}
