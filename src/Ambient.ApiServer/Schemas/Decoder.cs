using System.Text.Json;
using System.Text.Json.Nodes;

namespace Ambient.ApiServer.Schemas;

/// <summary>
/// Brings a received object into the shape of its kind: fields that the kind does not know are removed and reported, nulls
/// are dropped, and for built-in kinds a value of the wrong type refuses the object as a decoder would.
/// </summary>
/// <param name="kind">For messages.</param>
/// <param name="strictTypes">Whether wrong types are refused here; custom resources leave that to validation.</param>
internal sealed class Decoder(string kind, bool strictTypes)
{
    /// <summary>Paths of removed fields, e.g. <c>spec.nosuch</c>.</summary>
    public List<string> Unknown { get; } = [];

    public void Decode(JsonObject body, Schema schema)
    {
        foreach (var (name, value) in body.ToList())
        {
            if (name is not ("kind" or "apiVersion"))
            {
                DecodeField(body, name, value, schema, name);
            }
        }
    }

    private void DecodeField(JsonObject owner, string name, JsonNode? value, Schema schema, string path)
    {
        if (name == "metadata" && owner.Parent is null && !schema.Fields.ContainsKey(name))
        {
            DecodeValue(owner, name, value, SchemaText.BuiltIn["ObjectMeta"], path, builtIn: true);
            return;
        }

        if (schema.Fields.TryGetValue(name, out var field))
        {
            DecodeValue(owner, name, value, field.Schema, path, strictTypes);
        }
        else if (schema.Values is not null)
        {
            DecodeValue(owner, name, value, schema.Values, path, strictTypes);
        }
        else if (!schema.PreserveUnknown && schema.Type != SchemaType.Any)
        {
            Unknown.Add(path);
            owner.Remove(name);
        }
    }

    private void DecodeValue(JsonObject owner, string name, JsonNode? value, Schema schema, string path, bool builtIn)
    {
        if (value is null)
        {
            if (builtIn && schema.Type != SchemaType.Any)
            {
                owner.Remove(name);
            }

            return;
        }

        if (schema is { Type: SchemaType.String, Format: "quantity" } && value.GetValueKind() == JsonValueKind.Number)
        {
            owner[name] = Json.Text(value);
            return;
        }

        if (builtIn)
        {
            CheckType(value, schema, path);
        }

        DecodeChildren(value, schema, path);
    }

    private void DecodeChildren(JsonNode value, Schema schema, string path)
    {
        switch (value)
        {
            case JsonObject body when schema.Type is SchemaType.Object && !IsMetadataOfEmbedded(schema):
                foreach (var (name, child) in body.ToList())
                {
                    if (schema.EmbeddedResource && name is "kind" or "apiVersion" or "metadata")
                    {
                        continue;
                    }

                    DecodeField(body, name, child, schema, $"{path}.{name}");
                }

                break;
            case JsonArray array when schema.Items is { } items:
                for (var i = 0; i < array.Count; i++)
                {
                    if (array[i] is { } item)
                    {
                        if (strictTypes)
                        {
                            CheckType(item, items, path);
                        }

                        DecodeChildren(item, items, $"{path}[{i}]");
                    }
                }

                break;
        }
    }

    private static bool IsMetadataOfEmbedded(Schema schema) => schema is { PreserveUnknown: true, Fields.Count: 0, Values: null };

    private void CheckType(JsonNode value, Schema schema, string path)
    {
        var actual = value.GetValueKind();
        var fits = schema.Type switch
        {
            SchemaType.Object => actual == JsonValueKind.Object,
            SchemaType.Array => actual == JsonValueKind.Array,
            SchemaType.String => actual == JsonValueKind.String,
            SchemaType.Boolean => actual is JsonValueKind.True or JsonValueKind.False,
            SchemaType.Number => actual == JsonValueKind.Number,
            SchemaType.Integer => actual == JsonValueKind.Number && Json.AsLong(value.AsValue()) is not null,
            SchemaType.IntOrString => actual is JsonValueKind.Number or JsonValueKind.String,
            _ => true,
        };
        if (!fits)
        {
            throw Refusal.BadRequest(
                $"{kind} in version \"v1\" cannot be handled as a {kind}: json: cannot unmarshal {Go(actual)} into Go struct field {kind}.{Parent(path)} of type {Expected(schema)}");
        }

        if (schema.Format is "date-time" or "micro-time" && !DateTimeOffset.TryParse(
            value.GetValue<string>(), null, System.Globalization.DateTimeStyles.AssumeUniversal, out _))
        {
            throw Refusal.BadRequest($"{kind} in version \"v1\" cannot be handled as a {kind}: {path}: {Json.Text(value)} is not a time as RFC 3339 has it");
        }

        if (schema.Format == "byte" && !IsBase64(value.GetValue<string>()))
        {
            throw Refusal.BadRequest($"{kind} in version \"v1\" cannot be handled as a {kind}: {path}: illegal base64 data");
        }
    }

    private static bool IsBase64(string text) => Convert.TryFromBase64String(text, new byte[text.Length], out _);

    /// <summary>A decoder of maps names the map, not its key.</summary>
    private static string Parent(string path) => path.Contains('.') && path.StartsWith("data.", StringComparison.Ordinal) ? "data" : path;

    private static string Go(JsonValueKind actual) => actual switch
    {
        JsonValueKind.Object => "object",
        JsonValueKind.Array => "array",
        JsonValueKind.Number => "number",
        JsonValueKind.String => "string",
        _ => "bool",
    };

    private static string Expected(Schema schema) => schema.Type switch
    {
        SchemaType.Object => schema.Name ?? "map",
        SchemaType.Array => "list",
        SchemaType.Integer => schema.Format ?? "int64",
        SchemaType.Boolean => "bool",
        _ => "string",
    };
}
