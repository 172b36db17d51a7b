using System.Text.Json.Nodes;
using Ambient.ApiServer.Schemas;

namespace Ambient.ApiServer.Patching;

/// <summary>
/// Strategic merge patch: as merge patch, but lists whose items have a key are merged item by item, and directives
/// (<c>$patch</c>, <c>$retainKeys</c>, <c>$deleteFromPrimitiveList/…</c>, <c>$setElementOrder/…</c>) say what to remove and keep.
/// </summary>
internal static class StrategicMerge
{
    private const string Directive = "$patch";
    private const string Retain = "$retainKeys";
    private const string DeleteFrom = "$deleteFromPrimitiveList/";
    private const string Order = "$setElementOrder/";

    public static JsonObject Apply(JsonObject target, JsonObject patch, Schema? schema)
    {
        switch (patch.TextAt(Directive))
        {
            case "replace":
                var whole = patch.DeepClone().AsObject();
                whole.Remove(Directive);
                return whole;
            case "delete":
                return [];
        }

        if (patch[Retain] is JsonArray keep)
        {
            var names = keep.Select(name => name?.GetValue<string>() ?? "").ToHashSet(StringComparer.Ordinal);
            foreach (var name in target.Select(entry => entry.Key).Where(name => !names.Contains(name)).ToList())
            {
                target.Remove(name);
            }
        }

        foreach (var (name, value) in patch)
        {
            if (name.StartsWith(DeleteFrom, StringComparison.Ordinal))
            {
                DeleteValues(target, name[DeleteFrom.Length..], value as JsonArray ?? []);
            }
        }

        foreach (var (name, value) in patch)
        {
            if (name[0] != '$')
            {
                ApplyField(target, name, value, FieldSchema(schema, name), patch[Order + name] as JsonArray);
            }
        }

        foreach (var (name, value) in patch)
        {
            // The order may come without a change to the list.
            if (name.StartsWith(Order, StringComparison.Ordinal) && !patch.ContainsKey(name[Order.Length..])
                && target[name[Order.Length..]] is JsonArray list && value is JsonArray order)
            {
                Sort(list, order, FieldSchema(schema, name[Order.Length..])?.MergeKey ?? "");
            }
        }

        return target;
    }

    private static Schema? FieldSchema(Schema? schema, string name)
    {
        if (schema is null)
        {
            return null;
        }

        return schema.Fields.TryGetValue(name, out var field)
            ? field.Schema
            : name == "metadata" && schema.Name is not null ? SchemaText.BuiltIn["ObjectMeta"] : schema.Values;
    }

    private static void ApplyField(JsonObject target, string name, JsonNode? value, Schema? schema, JsonArray? order)
    {
        switch (value)
        {
            case null:
                target.Remove(name);
                return;
            case JsonObject patch:
                var child = target[name] as JsonObject;
                if (patch.TextAt(Directive) == "delete")
                {
                    target.Remove(name);
                    return;
                }

                target.Remove(name);
                target[name] = Apply(child ?? [], patch, schema);
                return;
            case JsonArray items when schema?.MergeKey is { } key:
                var list = target[name] as JsonArray ?? [];
                target.Remove(name);
                list = key.Length == 0 ? MergeValues(list, items) : MergeItems(list, items, key, schema.Items);
                if (order is not null)
                {
                    Sort(list, order, key);
                }

                target[name] = list;
                return;
            default:
                target[name] = value.DeepClone();
                return;
        }
    }

    private static JsonArray MergeValues(JsonArray list, JsonArray items)
    {
        foreach (var item in items)
        {
            if (!list.Any(present => JsonNode.DeepEquals(present, item)))
            {
                list.Add(item?.DeepClone());
            }
        }

        return list;
    }

    private static JsonArray MergeItems(JsonArray list, JsonArray items, string key, Schema? schema)
    {
        var patches = items.OfType<JsonObject>().ToList();
        if (patches.Any(item => item.TextAt(Directive) == "replace" && item[key] is null))
        {
            return new JsonArray([.. patches.Where(item => item[Directive] is null).Select(item => item.DeepClone())]);
        }

        foreach (var patch in patches)
        {
            var value = patch[key] ?? throw Refusal.BadRequest($"map: {Json.Text(patch)} does not contain declared merge key: {key}");
            var index = IndexOf(list, key, value);
            if (patch.TextAt(Directive) == "delete")
            {
                while (index >= 0)
                {
                    list.RemoveAt(index);
                    index = IndexOf(list, key, value);
                }
            }
            else if (index >= 0)
            {
                var present = list[index]!.AsObject();
                list.RemoveAt(index);
                list.Insert(index, Apply(present, patch, schema));
            }
            else
            {
                list.Add((JsonNode)Apply([], patch, schema));
            }
        }

        return list;
    }

    private static int IndexOf(JsonArray list, string key, JsonNode value)
    {
        for (var index = 0; index < list.Count; index++)
        {
            if (list[index] is JsonObject item && JsonNode.DeepEquals(item[key], value))
            {
                return index;
            }
        }

        return -1;
    }

    private static void DeleteValues(JsonObject target, string name, JsonArray values)
    {
        if (target[name] is not JsonArray list)
        {
            return;
        }

        for (var index = list.Count - 1; index >= 0; index--)
        {
            if (values.Any(value => JsonNode.DeepEquals(value, list[index])))
            {
                list.RemoveAt(index);
            }
        }
    }

    /// <summary>Items that the order names come in its order; others keep their place after the item before them.</summary>
    private static void Sort(JsonArray list, JsonArray order, string key)
    {
        var items = list.ToList();
        list.Clear();
        var rank = new List<(int Rank, int Place, JsonNode? Item)>();
        var last = -1;
        for (var place = 0; place < items.Count; place++)
        {
            var at = Position(order, items[place], key);
            last = at >= 0 ? at : last;
            rank.Add((last, at >= 0 ? -1 : place, items[place]));
        }

        foreach (var entry in rank.OrderBy(entry => entry.Rank).ThenBy(entry => entry.Place))
        {
            list.Add(entry.Item);
        }
    }

    private static int Position(JsonArray order, JsonNode? item, string key)
    {
        for (var index = 0; index < order.Count; index++)
        {
            var same = key.Length == 0
                ? JsonNode.DeepEquals(order[index], item)
                : JsonNode.DeepEquals(order[index].At(key), item.At(key));
            if (same)
            {
                return index;
            }
        }

        return -1;
    }
}
