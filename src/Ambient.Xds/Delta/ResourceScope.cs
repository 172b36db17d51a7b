namespace Ambient.Xds.Delta;

/// <summary>
/// Whose a resource is. In the empty scope it is everybody's; in any other it is for the clients of that scope alone, and its name
/// is its own business: two scopes may have different resources of one name.
/// </summary>
/// <param name="Name">The scope's name; a line feed in it is not allowed.</param>
public readonly record struct ResourceScope(string Name)
{
    private const char Separator = '\n';

    /// <summary>Everybody.</summary>
    public static ResourceScope Shared { get; } = new("");

    /// <summary>The key under which a store keeps a resource of this scope.</summary>
    public string KeyOf(string resource) => Name.Length == 0 ? resource : $"{Name}{Separator}{resource}";

    /// <summary>The name of a kept resource for clients of this scope; null where it is not theirs.</summary>
    internal string? NameOf(string key)
    {
        var end = key.IndexOf(Separator, StringComparison.Ordinal);
        return end < 0 ? key : key.AsSpan(0, end).SequenceEqual(Name) ? key[(end + 1)..] : null;
    }

    /// <summary>Whether clients of this scope may have what belongs to another.</summary>
    internal bool Sees(ResourceScope other) => other.Name.Length == 0 || other == this;
}
