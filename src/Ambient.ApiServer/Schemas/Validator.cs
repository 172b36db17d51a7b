using System.Text.Json;
using System.Text.Json.Nodes;

namespace Ambient.ApiServer.Schemas;

/// <summary>Checks custom resources against the schema of their definition.</summary>
internal static class Validator
{
    /// <summary>Why the object is not valid; empty when it is.</summary>
    public static List<Cause> Validate(JsonObject body, Schema schema)
    {
        var causes = new List<Cause>();
        Object(body, schema, "", causes);
        return causes;
    }

    private static void Check(JsonNode? value, Schema schema, string path, List<Cause> causes)
    {
        if (value is null)
        {
            if (!schema.Nullable && schema.Type != SchemaType.Any && !schema.PreserveUnknown)
            {
                causes.Add(new("FieldValueInvalid", path, $"Invalid value: \"null\": {path} in body must be of type {Name(schema)}: \"null\""));
            }

            return;
        }

        if (!HasType(value, schema))
        {
            var actual = Name(value);
            causes.Add(new("FieldValueTypeInvalid", path, $"Invalid value: \"{actual}\": {path} in body must be of type {Name(schema)}: \"{actual}\""));
            return;
        }

        Rules(value, schema, path, causes);
        switch (value)
        {
            case JsonObject body:
                Object(body, schema, path, causes);
                break;
            case JsonArray array:
                Array(array, schema, path, causes);
                break;
        }
    }

    private static void Object(JsonObject body, Schema schema, string path, List<Cause> causes)
    {
        foreach (var name in schema.Rules.RequiredHere.Where(name => !body.ContainsKey(name)))
        {
            causes.Add(Cause.Required(Join(path, name)));
        }

        foreach (var (name, value) in body)
        {
            if (path.Length == 0 && name is "kind" or "apiVersion" or "metadata" && path.Length == 0)
            {
                continue;
            }

            if (schema.Fields.TryGetValue(name, out var field))
            {
                Check(value, field.Schema, Join(path, name), causes);
            }
            else if (schema.Values is { } values)
            {
                Check(value, values, Join(path, name), causes);
            }
        }

        if (schema.Rules.MinProperties > body.Count)
        {
            causes.Add(Cause.Invalid(path, Json.Text(body), $"{path} in body should have at least {schema.Rules.MinProperties} properties"));
        }

        if (schema.Rules.MaxProperties < body.Count)
        {
            causes.Add(new("FieldValueTooMany", path, $"Too many: {body.Count}: must have at most {schema.Rules.MaxProperties} items"));
        }
    }

    private static void Array(JsonArray array, Schema schema, string path, List<Cause> causes)
    {
        if (schema.Rules.MaxItems < array.Count)
        {
            causes.Add(new("FieldValueTooMany", path, $"Too many: {array.Count}: must have at most {schema.Rules.MaxItems} items"));
        }

        if (schema.Rules.MinItems > array.Count)
        {
            causes.Add(Cause.Invalid(path, array.Count, $"{path} in body should have at least {schema.Rules.MinItems} items"));
        }

        for (var index = 0; index < array.Count; index++)
        {
            if (schema.Items is { } items)
            {
                Check(array[index], items, $"{path}[{index}]", causes);
            }
        }

        Duplicates(array, schema, path, causes);
    }

    private static void Duplicates(JsonArray array, Schema schema, string path, List<Cause> causes)
    {
        if (schema.ListType == ListType.Atomic && !schema.Rules.UniqueItems)
        {
            return;
        }

        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var index = 0; index < array.Count; index++)
        {
            var key = array[index];
            if (schema.ListType == ListType.Map && key is JsonObject item)
            {
                key = new JsonObject(schema.MapKeys.Where(item.ContainsKey).Select(name => KeyValuePair.Create(name, item[name]?.DeepClone())));
            }

            if (!seen.Add(key?.ToJsonString() ?? "null"))
            {
                causes.Add(Cause.Duplicate($"{path}[{index}]", key?.DeepClone()));
            }
        }
    }

    private static void Rules(JsonNode value, Schema schema, string path, List<Cause> causes)
    {
        var rules = schema.Rules;
        if (rules.Enum is { } allowed && !allowed.Any(item => JsonNode.DeepEquals(item, value)))
        {
            var supported = string.Join(", ", allowed.Select(item => item is null ? "null" : Json.Text(item)));
            causes.Add(new("FieldValueNotSupported", path, $"Unsupported value: {Json.Text(value)}: supported values: {supported}"));
        }

        if (value.GetValueKind() == JsonValueKind.String)
        {
            Text(value.GetValue<string>(), schema, path, causes);
        }
        else if (value.GetValueKind() == JsonValueKind.Number)
        {
            Number(value.AsValue(), rules, path, causes);
        }

        Combinations(value, rules, path, causes);
    }

    private static void Text(string text, Schema schema, string path, List<Cause> causes)
    {
        var rules = schema.Rules;
        var length = text.EnumerateRunes().Count();
        if (rules.MaxLength < length)
        {
            // The real server stops here: a text that is too long is not matched against a pattern.
            causes.Add(new("FieldValueTooLong", path, $"Too long: may not be more than {rules.MaxLength} bytes"));
            return;
        }

        if (rules.MinLength > length)
        {
            causes.Add(Cause.Invalid(path, text, $"{path} in body should be at least {rules.MinLength} chars long"));
        }

        if (rules.Pattern is { } pattern && !pattern.IsMatch(text))
        {
            causes.Add(Cause.Invalid(path, text, $"{path} in body should match '{rules.PatternText}'"));
        }

        if (Formats.Problem(text, schema.Format) is { } problem)
        {
            causes.Add(Cause.Invalid(path, text, $"{path} in body must be of type {schema.Format}: {problem}"));
        }
    }

    private static void Number(JsonValue value, SchemaRules rules, string path, List<Cause> causes)
    {
        var number = Json.AsDouble(value);
        if (rules.Minimum is { } least && (number < least || (rules.ExclusiveMinimum && number == least)))
        {
            causes.Add(Cause.Invalid(path, value.DeepClone(), $"{path} in body should be greater than{OrEqual(rules.ExclusiveMinimum)} {least}"));
        }

        if (rules.Maximum is { } most && (number > most || (rules.ExclusiveMaximum && number == most)))
        {
            causes.Add(Cause.Invalid(path, value.DeepClone(), $"{path} in body should be less than{OrEqual(rules.ExclusiveMaximum)} {most}"));
        }

        if (rules.MultipleOf is { } unit && number / unit != Math.Floor(number / unit))
        {
            causes.Add(Cause.Invalid(path, value.DeepClone(), $"{path} in body should be a multiple of {unit}"));
        }
    }

    private static void Combinations(JsonNode value, SchemaRules rules, string path, List<Cause> causes)
    {
        foreach (var part in rules.AllOf)
        {
            Check(value, part, path, causes);
        }

        if (rules.AnyOf.Count > 0 && !rules.AnyOf.Any(part => Holds(value, part, path)))
        {
            causes.Add(Cause.Invalid(path, Shown(value), $"{path} in body must validate at least one schema (anyOf)"));
        }

        if (rules.OneOf.Count > 0 && rules.OneOf.Count(part => Holds(value, part, path)) != 1)
        {
            causes.Add(Cause.Invalid(path, Shown(value), $"{path} in body must validate one and only one schema (oneOf)"));
        }

        if (rules.Not is { } not && Holds(value, not, path))
        {
            causes.Add(Cause.Invalid(path, Shown(value), $"{path} in body must not validate the schema (not)"));
        }
    }

    private static bool Holds(JsonNode value, Schema schema, string path)
    {
        var causes = new List<Cause>();
        Check(value, schema, path, causes);
        return causes.Count == 0;
    }

    private static JsonNode Shown(JsonNode value) => value is JsonValue ? value.DeepClone() : Name(value);

    private static bool HasType(JsonNode value, Schema schema) => schema.Type switch
    {
        SchemaType.Object => value is JsonObject,
        SchemaType.Array => value is JsonArray,
        SchemaType.String => value.GetValueKind() == JsonValueKind.String,
        SchemaType.Boolean => value.GetValueKind() is JsonValueKind.True or JsonValueKind.False,
        SchemaType.Number => value.GetValueKind() == JsonValueKind.Number,
        SchemaType.Integer => value.GetValueKind() == JsonValueKind.Number && Json.AsLong(value.AsValue()) is not null,
        SchemaType.IntOrString => value.GetValueKind() is JsonValueKind.String or JsonValueKind.Number,
        _ => true,
    };

    private static string Name(Schema schema) => schema.Type switch
    {
        SchemaType.IntOrString => "integer,string",
        SchemaType.Any => "any",
        var type => type.ToString().ToLowerInvariant(),
    };

    private static string Name(JsonNode value) => value.GetValueKind() switch
    {
        JsonValueKind.True or JsonValueKind.False => "boolean",
        JsonValueKind.Number => Json.AsLong(value.AsValue()) is null ? "number" : "integer",
        var kind => kind.ToString().ToLowerInvariant(),
    };

    private static string OrEqual(bool exclusive) => exclusive ? "" : " or equal to";

    private static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";
}

/// <summary>Formats of strings that the real server checks.</summary>
internal static class Formats
{
    public static string? Problem(string text, string? format) => format switch
    {
        "date-time" => DateTimeOffset.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out _) ? null : "not a time of RFC 3339",
        "ipv4" => System.Net.IPAddress.TryParse(text, out var four) && four.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? null : "not an IPv4 address",
        "ipv6" => System.Net.IPAddress.TryParse(text, out var six) && six.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? null : "not an IPv6 address",
        "uri" => Uri.TryCreate(text, UriKind.RelativeOrAbsolute, out _) ? null : "not a URI",
        "byte" => Convert.TryFromBase64String(text, new byte[text.Length], out _) ? null : "not base64",
        _ => null,
    };
}
