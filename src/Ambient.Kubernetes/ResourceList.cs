using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Ambient.Api.Kubernetes;

namespace Ambient.Kubernetes;

/// <summary>A list, or a page of one.</summary>
/// <param name="Items">The objects.</param>
/// <param name="ResourceVersion">The version at which the list was true; a watch can go on from it.</param>
/// <param name="Continue">Asks for the next page; null on the last.</param>
public sealed record ResourceList<T>(IReadOnlyList<T> Items, string ResourceVersion, string? Continue)
{
    internal static ResourceList<T> Read(JsonElement list, JsonTypeInfo<T> json)
    {
        var metadata = list.GetProperty("metadata");
        var items = new List<T>();
        if (list.TryGetProperty("items", out var array) && array.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in array.EnumerateArray())
            {
                items.Add(item.Deserialize(json) ?? throw new JsonException("The list holds a null item."));
            }
        }

        var version = metadata.TryGetProperty("resourceVersion", out var text) ? text.GetString() : null;
        var next = metadata.TryGetProperty("continue", out var token) ? token.GetString() : null;
        return new(items, version ?? "", string.IsNullOrEmpty(next) ? null : next);
    }
}

/// <summary>What a watch reports.</summary>
public enum WatchEventType
{
    /// <summary>An object exists, or entered the selection.</summary>
    Added,

    /// <summary>An object changed.</summary>
    Modified,

    /// <summary>An object is gone, or left the selection; the object is its last state.</summary>
    Deleted,

    /// <summary>Nothing changed up to the object's resource version; nothing else of the object is set.</summary>
    Bookmark,
}

/// <summary>One event of a watch.</summary>
public sealed record WatchEvent<T>(WatchEventType Type, T Object);

/// <summary>The place of an object within its kind.</summary>
/// <param name="Namespace">Its namespace; empty for kinds without.</param>
/// <param name="Name">Its name.</param>
public readonly record struct ObjectKey(string Namespace, string Name)
{
    /// <summary>The key of an object.</summary>
    public static ObjectKey Of(IResource resource) => new(resource.Metadata.Namespace ?? "", resource.Metadata.Name);

    /// <inheritdoc />
    public override string ToString() => Namespace.Length == 0 ? Name : $"{Namespace}/{Name}";
}
