using System.Text.Json.Nodes;

namespace Ambient.ApiServer.Schemas;

/// <summary>Adds defaults, and the fields that are always written.</summary>
internal static class Filler
{
    /// <summary>Fills a whole object or a part of one.</summary>
    /// <param name="body">The object.</param>
    /// <param name="schema">Its structure.</param>
    /// <param name="onlyZero">Only what is always written: the state of an object before its first field is set.</param>
    public static void Fill(JsonObject body, Schema schema, bool onlyZero = false)
    {
        foreach (var (name, field) in schema.Fields)
        {
            if (body[name] is null)
            {
                if (!onlyZero && field.Default is not null)
                {
                    body[name] = field.Default.DeepClone();
                }
                else if (field.HasZero)
                {
                    body[name] = field.Zero?.DeepClone();
                }
            }

            if (body[name] is { } child)
            {
                FillChild(child, field.Schema, onlyZero);
            }
        }

        if (schema.Values is { } values)
        {
            foreach (var (_, value) in body)
            {
                if (value is not null)
                {
                    FillChild(value, values, onlyZero);
                }
            }
        }
    }

    private static void FillChild(JsonNode value, Schema schema, bool onlyZero)
    {
        switch (value)
        {
            case JsonObject body when schema.Type == SchemaType.Object:
                Fill(body, schema, onlyZero);
                break;
            case JsonArray array when schema.Items is { } items:
                foreach (var item in array)
                {
                    if (item is not null)
                    {
                        FillChild(item, items, onlyZero);
                    }
                }

                break;
        }
    }
}
