using System.Collections.Immutable;
using Ambient.Mesh.Model;

namespace Ambient.Mesh.State;

/// <summary>A workload as an endpoint of one service, with the ports that it serves there.</summary>
public readonly record struct Endpoint(Workload Workload, ImmutableArray<PortMapping> Ports);

/// <summary>
/// The endpoints of a service. Changing one shares the rest; the array that choosing walks is made on first use after
/// a change, so a service without traffic costs nothing when its pods roll.
/// </summary>
public sealed class EndpointSet
{
    private readonly string _service;
    private Endpoint[]? _all;
    private bool _equalWeights;

    internal EndpointSet(string service, SnapshotDictionary<string, Workload> byUid) => (_service, ByUid) = (service, byUid);

    /// <summary>No endpoints.</summary>
    public static EndpointSet Empty { get; } = new("", SnapshotDictionary<string, Workload>.Empty(StringComparer.Ordinal));

    /// <summary>How many.</summary>
    public int Count => ByUid.Count;

    /// <summary>By the workload's uid.</summary>
    public SnapshotDictionary<string, Workload> ByUid { get; }

    /// <summary>All, in an order that stays the same for this set. Two threads may both build the array; both are right.</summary>
    public ReadOnlySpan<Endpoint> All => _all ?? Build();

    /// <summary>Whether every endpoint has the same weight, 1, so that any index drawn at random is a fair choice.</summary>
    public bool HasEqualWeights
    {
        get
        {
            _ = All;
            return _equalWeights;
        }
    }

    private Endpoint[] Build()
    {
        Endpoint[] all = [.. ByUid.Values.Select(workload => new Endpoint(workload, workload.MembershipIn(_service)!.Ports))];
        _equalWeights = Array.TrueForAll(all, endpoint => endpoint.Workload.Capacity == 1);
        Volatile.Write(ref _all, all);
        return all;
    }
}
