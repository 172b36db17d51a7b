using System.Collections.Immutable;
using System.Net;
using Ambient.Api;
using Ambient.Linux;

namespace Ambient.Proxy.Tunnels;

/// <summary>
/// What connections must have in common to share a tunnel: who opens it, from where, to whom, and whom it has to find there.
/// </summary>
public sealed class TunnelKey : IEquatable<TunnelKey>
{
    private readonly int _hash;

    /// <summary>Makes a key.</summary>
    /// <param name="source">The identity that opens the tunnel.</param>
    /// <param name="space">The network namespace that it is opened in.</param>
    /// <param name="destination">The address that is dialled.</param>
    /// <param name="expected">The identities of which the peer has to prove one, in the order of the configuration.</param>
    public TunnelKey(SpiffeId source, NamespaceId space, IPEndPoint destination, ImmutableArray<SpiffeId> expected)
    {
        Source = source;
        Space = space;
        Destination = destination;
        Expected = expected;
        var hash = new HashCode();
        hash.Add(source);
        hash.Add(space);
        hash.Add(destination);
        foreach (var identity in expected)
        {
            hash.Add(identity);
        }

        _hash = hash.ToHashCode();
    }

    /// <summary>The identity that opens the tunnel.</summary>
    public SpiffeId Source { get; }

    /// <summary>The network namespace that it is opened in.</summary>
    public NamespaceId Space { get; }

    /// <summary>The address that is dialled.</summary>
    public IPEndPoint Destination { get; }

    /// <summary>The identities of which the peer has to prove one.</summary>
    public ImmutableArray<SpiffeId> Expected { get; }

    /// <inheritdoc/>
    public bool Equals(TunnelKey? other) =>
        other is not null && _hash == other._hash && Source == other.Source && Space == other.Space
        && Destination.Equals(other.Destination) && Expected.AsSpan().SequenceEqual(other.Expected.AsSpan());

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as TunnelKey);

    /// <inheritdoc/>
    public override int GetHashCode() => _hash;

    /// <inheritdoc/>
    public override string ToString() => $"{Source} -> {Destination}";
}
