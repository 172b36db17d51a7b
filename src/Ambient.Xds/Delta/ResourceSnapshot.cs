using System.Collections.Immutable;

namespace Ambient.Xds.Delta;

/// <summary>Everything that is served, at one moment. Immutable.</summary>
public sealed class ResourceSnapshot
{
    private readonly ImmutableDictionary<string, ImmutableDictionary<string, DeltaResource>> _types;

    internal ResourceSnapshot(long generation, ImmutableDictionary<string, ImmutableDictionary<string, DeltaResource>> types)
    {
        Generation = generation;
        _types = types;
    }

    /// <summary>Grows by one with every change.</summary>
    public long Generation { get; }

    /// <summary>The resources of a type by key.</summary>
    public ImmutableDictionary<string, DeltaResource> this[string typeUrl] => _types[typeUrl];

    internal bool Has(string typeUrl) => _types.ContainsKey(typeUrl);

    internal ResourceSnapshot With(long generation, string typeUrl, ImmutableDictionary<string, DeltaResource> resources) =>
        new(generation, _types.SetItem(typeUrl, resources));
}
