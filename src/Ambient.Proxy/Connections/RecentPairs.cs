using System.Runtime.CompilerServices;
using Ambient.Api;
using Ambient.Linux;
using Ambient.Mesh.Model;
using Ambient.Proxy.Connections;

namespace Ambient.Proxy.Connections;

/// <summary>
/// Who has talked to whom lately, so that a connection does not look up its metric series and names again. On its loop only.
/// </summary>
public sealed class RecentPairs(EventLoop loop)
{
    /// <summary>Pairs that are remembered: 1,024 of about 1 KB are a megabyte for each loop. Beyond that all are forgotten.</summary>
    private const int Most = 1024;

    /// <summary>How long a pair is used: a series that was retired or had overflowed is found again, and what left the mesh is let go.</summary>
    private static readonly long Milliseconds = (long)TimeSpan.FromMinutes(1).TotalMilliseconds;

    private readonly Dictionary<PairKey, (ConnectionPair Pair, long Until)> _pairs = [];

    /// <summary>The pair of a key; null where it is not remembered.</summary>
    public ConnectionPair? Find(in PairKey key) =>
        _pairs.TryGetValue(key, out var known) && loop.NowMilliseconds < known.Until ? known.Pair : null;

    /// <summary>Remembers a pair, and returns it.</summary>
    public ConnectionPair Remember(in PairKey key, ConnectionPair pair)
    {
        if (_pairs.Count >= Most)
        {
            _pairs.Clear();
        }

        _pairs[key] = (pair, loop.NowMilliseconds + Milliseconds);
        return pair;
    }
}

/// <summary>
/// What tells pairs apart. Records of the mesh are immutable and compared by reference: a change makes new ones.
/// </summary>
public readonly record struct PairKey(bool Inbound, bool MutualTls, Workload? Source, Workload? Destination, Service? Service)
{
    /// <summary>What the peer's proxy says about a source that the mesh does not know.</summary>
    public string? SourceBaggage { get; init; }

    /// <summary>The identity that the source has proved.</summary>
    public SpiffeId? SourceIdentity { get; init; }

    /// <inheritdoc/>
    public bool Equals(PairKey other) =>
        Inbound == other.Inbound && MutualTls == other.MutualTls
        && ReferenceEquals(Source, other.Source) && ReferenceEquals(Destination, other.Destination) && ReferenceEquals(Service, other.Service)
        && SourceBaggage == other.SourceBaggage && SourceIdentity == other.SourceIdentity;

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(
        Inbound, RuntimeHelpers.GetHashCode(Source), RuntimeHelpers.GetHashCode(Destination), RuntimeHelpers.GetHashCode(Service), SourceBaggage);
}
