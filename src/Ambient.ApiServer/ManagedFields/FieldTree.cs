using System.Text.Json.Nodes;
using Ambient.ApiServer.Schemas;

namespace Ambient.ApiServer.ManagedFields;

/// <summary>What changed between two states of an object.</summary>
internal sealed record FieldChanges(FieldSet Added, FieldSet Modified, FieldSet Removed);

/// <summary>Walks objects with their schema as server-side apply sees them: maps by field, lists by key, the rest as a whole.</summary>
internal static class FieldTree
{
    /// <summary>The paths that an applied configuration sets.</summary>
    public static FieldSet Leaves(JsonObject body, Schema schema)
    {
        var result = new FieldSet();
        Leaves(body, schema, result, isRoot: true);
        result.IsMember = false;
        return result.Trim();
    }

    public static FieldChanges Compare(JsonObject old, JsonObject fresh, Schema schema)
    {
        var changes = new FieldChanges(new(), new(), new());
        CompareObjects(old, fresh, schema, changes, isRoot: true);
        return new(changes.Added.Trim(), changes.Modified.Trim(), changes.Removed.Trim());
    }

    /// <summary>The live object with the applied configuration over it.</summary>
    public static void Merge(JsonObject live, JsonObject applied, Schema? schema, bool isRoot = true)
    {
        foreach (var (name, value) in applied)
        {
            var field = FieldOf(schema, name, isRoot);
            switch (value)
            {
                case JsonObject body when IsGranular(body, field) && live[name] is JsonObject present:
                    Merge(present, body, field, isRoot: false);
                    break;
                case JsonArray list when KeysOf(list, field) is { } keys && live[name] is JsonArray present && KeysOf(present, field) is { } presentKeys:
                    MergeList(present, presentKeys, list, keys, field!);
                    break;
                default:
                    live[name] = value?.DeepClone();
                    break;
            }
        }
    }

    /// <summary>Removes what the manager set before, sets no longer, and nobody else owns.</summary>
    public static void Prune(JsonObject live, FieldSet before, FieldSet now, FieldSet others, Schema? schema, bool isRoot = true)
    {
        foreach (var (key, child) in before.Children)
        {
            if (key.StartsWith("f:", StringComparison.Ordinal) && live.TryGetPropertyValue(key[2..], out var value))
            {
                if (now.Find(key) is null && others.Find(key) is null)
                {
                    live.Remove(key[2..]);
                }
                else
                {
                    PruneValue(value, child, now.Find(key) ?? new(), others.Find(key) ?? new(), FieldOf(schema, key[2..], isRoot));
                }
            }
        }
    }

    private static void PruneValue(JsonNode? value, FieldSet before, FieldSet now, FieldSet others, Schema? schema)
    {
        if (value is JsonObject body)
        {
            Prune(body, before, now, others, schema, isRoot: false);
        }
        else if (value is JsonArray list && KeysOf(list, schema) is { } keys)
        {
            for (var index = keys.Count - 1; index >= 0; index--)
            {
                if (before.Find(keys[index]) is not { } child)
                {
                    continue;
                }

                if (now.Find(keys[index]) is null && others.Find(keys[index]) is null)
                {
                    list.RemoveAt(index);
                }
                else
                {
                    PruneValue(list[index], child, now.Find(keys[index]) ?? new(), others.Find(keys[index]) ?? new(), schema!.Items);
                }
            }
        }
    }

    private static void MergeList(JsonArray present, List<string> presentKeys, JsonArray list, List<string> keys, Schema schema)
    {
        for (var index = 0; index < list.Count; index++)
        {
            var at = presentKeys.IndexOf(keys[index]);
            if (at < 0)
            {
                present.Add(list[index]?.DeepClone());
            }
            else if (list[index] is JsonObject item && present[at] is JsonObject target && IsGranular(item, schema.Items))
            {
                Merge(target, item, schema.Items, isRoot: false);
            }
            else
            {
                present[at] = list[index]?.DeepClone();
            }
        }
    }

    private static void Leaves(JsonNode? value, Schema? schema, FieldSet set, bool isRoot)
    {
        switch (value)
        {
            case JsonObject body when IsGranular(body, schema):
                set.IsMember |= schema is null || !IsDescribed(schema);
                foreach (var (name, child) in body)
                {
                    Leaves(child, FieldOf(schema, name, isRoot), set.Child($"f:{name}"), isRoot: false);
                }

                break;
            case JsonArray list when KeysOf(list, schema) is { } keys:
                for (var index = 0; index < list.Count; index++)
                {
                    var item = set.Child(keys[index]);
                    Leaves(list[index], schema!.Items, item, isRoot: false);
                    item.IsMember = true;
                }

                break;
            default:
                set.IsMember = true;
                break;
        }
    }

    /// <summary>Whether the schema names the object's fields; of an open object each level is owned by itself.</summary>
    private static bool IsDescribed(Schema schema) => schema.Type == SchemaType.Object && (schema.Fields.Count > 0 || schema.Values is not null);

    private static void CompareObjects(JsonObject old, JsonObject fresh, Schema? schema, FieldChanges at, bool isRoot)
    {
        foreach (var name in old.Select(entry => entry.Key).Union(fresh.Select(entry => entry.Key)))
        {
            var key = $"f:{name}";
            var inner = new FieldChanges(at.Added.Child(key), at.Modified.Child(key), at.Removed.Child(key));
            CompareValues(old[name], old.ContainsKey(name), fresh[name], fresh.ContainsKey(name), FieldOf(schema, name, isRoot), inner);
        }
    }

    private static void CompareValues(JsonNode? old, bool wasThere, JsonNode? fresh, bool isThere, Schema? schema, FieldChanges at)
    {
        if (!wasThere || (old is null && fresh is not null))
        {
            Whole(fresh, schema, at.Added);
            // A list that was there as null is not new itself, only its items are.
            at.Added.IsMember &= !wasThere || !at.Added.Children.Any();
        }
        else if (!isThere || (fresh is null && old is not null))
        {
            Whole(old, schema, at.Removed);
        }
        else if (!JsonNode.DeepEquals(old, fresh))
        {
            if (old is JsonObject a && fresh is JsonObject b && IsGranular(a, schema) && IsGranular(b, schema, emptyToo: true))
            {
                CompareObjects(a, b, schema, at, isRoot: false);
            }
            else if (old is JsonArray c && fresh is JsonArray d && KeysOf(c, schema) is { } oldKeys && KeysOf(d, schema) is { } freshKeys)
            {
                CompareLists(c, oldKeys, d, freshKeys, schema!, at);
            }
            else if (old is JsonObject { Count: 0 } && fresh is JsonObject e && IsGranular(e, schema))
            {
                CompareObjects([], e, schema, at, isRoot: false);
            }
            else
            {
                at.Modified.IsMember = true;
            }
        }
    }

    private static void CompareLists(
        JsonArray old, List<string> oldKeys, JsonArray fresh, List<string> freshKeys, Schema schema, FieldChanges at)
    {
        foreach (var key in oldKeys.Union(freshKeys))
        {
            var before = oldKeys.IndexOf(key);
            var after = freshKeys.IndexOf(key);
            var inner = new FieldChanges(at.Added.Child(key), at.Modified.Child(key), at.Removed.Child(key));
            CompareValues(
                before < 0 ? null : old[before], before >= 0, after < 0 ? null : fresh[after], after >= 0, schema.Items, inner);
        }
    }

    /// <summary>A value with everything in it, each level a member.</summary>
    private static void Whole(JsonNode? value, Schema? schema, FieldSet set)
    {
        set.IsMember = true;
        switch (value)
        {
            case JsonObject body when IsGranular(body, schema):
                foreach (var (name, child) in body)
                {
                    Whole(child, FieldOf(schema, name, isRoot: false), set.Child($"f:{name}"));
                }

                break;
            case JsonArray list when KeysOf(list, schema) is { } keys:
                for (var index = 0; index < list.Count; index++)
                {
                    Whole(list[index], schema!.Items, set.Child(keys[index]));
                }

                break;
        }
    }

    private static bool IsGranular(JsonObject body, Schema? schema, bool emptyToo = false) =>
        (emptyToo || body.Count > 0) && schema?.IsAtomic != true;

    private static Schema? FieldOf(Schema? schema, string name, bool isRoot)
    {
        if (schema is not null && schema.Fields.TryGetValue(name, out var field))
        {
            return field.Schema;
        }

        return isRoot && name == "metadata" ? SchemaText.BuiltIn["ObjectMeta"] : schema?.Values;
    }

    /// <summary>The keys of a list that is merged by item; null for one that is owned as a whole.</summary>
    private static List<string>? KeysOf(JsonArray list, Schema? schema)
    {
        if (schema is null || schema.IsAtomic || schema.ListType == ListType.Atomic)
        {
            return null;
        }

        var keys = new List<string>();
        foreach (var item in list)
        {
            keys.Add(schema.ListType == ListType.Set
                ? $"v:{(item is null ? "null" : Json.Text(item))}"
                : $"k:{Json.Text(KeyOf(item as JsonObject ?? [], schema))}");
        }

        // Items that cannot be told apart make the list one value.
        return keys.Distinct().Count() == keys.Count ? keys : null;
    }

    private static JsonObject KeyOf(JsonObject item, Schema schema)
    {
        var key = new JsonObject();
        foreach (var name in schema.MapKeys.Order(StringComparer.Ordinal))
        {
            var value = item[name] ?? (schema.Items is { } items && items.Fields.TryGetValue(name, out var field) ? field.Default : null);
            if (value is not null)
            {
                key[name] = value.DeepClone();
            }
        }

        return key;
    }
}
