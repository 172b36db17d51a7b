using System.Text.Json.Nodes;

namespace Ambient.ApiServer.ManagedFields;

/// <summary>
/// A set of paths as a tree, in the form of <c>FieldsV1</c>: <c>f:name</c> is a field, <c>k:{…}</c> an item of a list by its
/// key, <c>v:…</c> an item by its value. A path is in the set when its node is a member; leaves always are.
/// </summary>
internal sealed class FieldSet
{
    private readonly SortedDictionary<string, FieldSet> _children = new(StringComparer.Ordinal);

    public bool IsMember { get; set; }

    public bool IsEmpty => !IsMember && _children.Count == 0;

    public IEnumerable<KeyValuePair<string, FieldSet>> Children => _children;

    public FieldSet? Find(string key) => _children.GetValueOrDefault(key);

    /// <summary>The child, made when missing; <see cref="Trim"/> removes those that stay empty.</summary>
    public FieldSet Child(string key)
    {
        if (!_children.TryGetValue(key, out var child))
        {
            _children.Add(key, child = new());
        }

        return child;
    }

    public void Remove(string key) => _children.Remove(key);

    public FieldSet Trim()
    {
        foreach (var (key, child) in _children.ToList())
        {
            if (child.Trim().IsEmpty)
            {
                _children.Remove(key);
            }
        }

        return this;
    }

    public static FieldSet Union(FieldSet first, FieldSet second)
    {
        var result = new FieldSet { IsMember = first.IsMember || second.IsMember };
        foreach (var (key, child) in first._children)
        {
            result._children[key] = second.Find(key) is { } other ? Union(child, other) : child;
        }

        foreach (var (key, child) in second._children)
        {
            result._children.TryAdd(key, child);
        }

        return result;
    }

    /// <summary>Paths of the first that are not in the second.</summary>
    public static FieldSet Difference(FieldSet first, FieldSet second)
    {
        var result = new FieldSet { IsMember = first.IsMember && !second.IsMember };
        foreach (var (key, child) in first._children)
        {
            result._children[key] = second.Find(key) is { } other ? Difference(child, other) : child;
        }

        return result.Trim();
    }

    public static FieldSet Intersection(FieldSet first, FieldSet second)
    {
        var result = new FieldSet { IsMember = first.IsMember && second.IsMember };
        foreach (var (key, child) in first._children)
        {
            if (second.Find(key) is { } other)
            {
                result._children[key] = Intersection(child, other);
            }
        }

        return result.Trim();
    }

    public bool SameAs(FieldSet other) => JsonNode.DeepEquals(ToJson(), other.ToJson());

    public JsonObject ToJson()
    {
        var json = new JsonObject();
        if (IsMember && _children.Count > 0)
        {
            json["."] = new JsonObject();
        }

        foreach (var (key, child) in _children)
        {
            json[key] = child.ToJson();
        }

        return json;
    }

    public static FieldSet FromJson(JsonObject json)
    {
        var result = new FieldSet { IsMember = json.Count == 0 || json.ContainsKey(".") };
        foreach (var (key, child) in json)
        {
            if (key != ".")
            {
                result._children[key] = FromJson(child as JsonObject ?? []);
            }
        }

        return result;
    }

    /// <summary>The member paths as users read them, e.g. <c>.spec.containers[name="a"].image</c>.</summary>
    public IEnumerable<string> Paths(string prefix = "")
    {
        if (IsMember && prefix.Length > 0)
        {
            yield return prefix;
        }

        foreach (var (key, child) in _children)
        {
            var step = key[..2] switch
            {
                "f:" => $".{key[2..]}",
                "k:" => $"[{string.Join(',', JsonNode.Parse(key[2..])!.AsObject().Select(entry => $"{entry.Key}={entry.Value?.ToJsonString()}"))}]",
                _ => $"[={key[2..]}]",
            };
            foreach (var path in child.Paths(prefix + step))
            {
                yield return path;
            }
        }
    }
}
