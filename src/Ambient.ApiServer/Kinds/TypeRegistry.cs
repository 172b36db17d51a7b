using System.Collections.Immutable;

namespace Ambient.ApiServer.Kinds;

/// <summary>The kinds that are served now. Definitions add and remove kinds at run time; readers see a snapshot.</summary>
internal sealed class TypeRegistry
{
    private readonly Lock _gate = new();
    private ImmutableList<ResourceType> _types;

    public TypeRegistry(bool extra) => _types = [.. BuiltInKinds.All(extra)];

    /// <summary>All kinds; those of one group and version are neighbours in order of registration.</summary>
    public ImmutableList<ResourceType> Types => Volatile.Read(ref _types);

    public ResourceType? Find(string group, string version, string plural) =>
        Types.Find(type => type.Plural == plural && type.Group == group && type.Version == version);

    public ResourceType? FindKind(string apiVersion, string kind) =>
        Types.Find(type => type.Kind == kind && type.ApiVersion == apiVersion);

    public ResourceType Get(string group, string plural) => Types.First(type => type.Plural == plural && type.Group == group);

    public bool Serves(string group, string version) => Types.Exists(type => type.Group == group && type.Version == version);

    /// <summary>Puts the versions of one custom kind in place of those that were served before.</summary>
    public void Replace(string group, string plural, IReadOnlyList<ResourceType> versions)
    {
        lock (_gate)
        {
            var index = _types.FindIndex(type => type.Group == group && type.Plural == plural);
            var others = _types.RemoveAll(type => type.Group == group && type.Plural == plural);
            Volatile.Write(ref _types, index < 0 ? others.AddRange(versions) : others.InsertRange(index, versions));
        }
    }
}
