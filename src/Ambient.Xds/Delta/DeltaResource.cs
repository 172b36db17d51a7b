using Ambient.Api.Discovery;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace Ambient.Xds.Delta;

/// <summary>A resource as it is served: encoded once, sent to any number of clients. Immutable.</summary>
public sealed class DeltaResource
{
    /// <summary>
    /// Takes an encoded resource. An empty <paramref name="version"/> means that clients get it again at every reconnect.
    /// </summary>
    public DeltaResource(
        string name, string version, string typeUrl, ByteString value, IReadOnlyList<string>? aliases = null, ResourceScope? scope = null)
    {
        Aliases = aliases ?? [];
        Scope = scope ?? ResourceScope.Shared;
        Key = Scope.KeyOf(name);
        Wire = new Resource { Name = name, Version = version, Resource_ = new Any { TypeUrl = typeUrl, Value = value } };
    }

    /// <summary>The name under which it is known.</summary>
    public string Name => Wire.Name;

    /// <summary>Whose it is.</summary>
    public ResourceScope Scope { get; }

    /// <summary>The key under which a store keeps it.</summary>
    public string Key { get; }

    /// <summary>Changes whenever the content does; see <see cref="ContentVersion"/>.</summary>
    public string Version => Wire.Version;

    /// <summary>The encoded message.</summary>
    public ByteString Value => Wire.Resource_.Value;

    /// <summary>Other names by which a client may ask for it on demand.</summary>
    public IReadOnlyList<string> Aliases { get; }

    /// <summary>What goes out, shared by all streams: nobody may change it. Wildcard clients get no aliases.</summary>
    internal Resource Wire { get; }

    /// <summary>What goes out to a client that asked by name.</summary>
    internal Resource WireWithAliases => Aliases.Count == 0 ? Wire : new Resource(Wire) { Aliases = { Aliases } };

    internal bool SameAs(DeltaResource other) =>
        Version == other.Version && Value.Equals(other.Value) && Aliases.SequenceEqual(other.Aliases, StringComparer.Ordinal);
}
