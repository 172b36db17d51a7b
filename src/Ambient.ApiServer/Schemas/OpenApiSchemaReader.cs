using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Ambient.ApiServer.Schemas;

/// <summary>Reads the structural OpenAPI schemas of CustomResourceDefinitions.</summary>
internal static class OpenApiSchemaReader
{
    /// <summary>A hostile pattern must not hold a request up; a sane one takes microseconds.</summary>
    private static readonly TimeSpan PatternTimeout = TimeSpan.FromMilliseconds(250);

    /// <summary>The schema of a whole object; without one, everything is allowed.</summary>
    public static Schema ReadRoot(JsonObject? schema) =>
        schema is null ? new Schema { Type = SchemaType.Object, PreserveUnknown = true } : Read(schema, "");

    private static Schema Read(JsonObject source, string path)
    {
        var schema = new Schema
        {
            Type = TypeOf(source, path),
            Format = source.TextAt("format"),
            Description = source.TextAt("description"),
            Nullable = Flag(source, "nullable"),
            PreserveUnknown = Flag(source, "x-kubernetes-preserve-unknown-fields"),
            EmbeddedResource = Flag(source, "x-kubernetes-embedded-resource"),
            IsAtomic = source.TextAt("x-kubernetes-map-type") == "atomic",
            ListType = source.TextAt("x-kubernetes-list-type") switch
            {
                "set" => ListType.Set,
                "map" => ListType.Map,
                _ => ListType.Atomic,
            },
            MapKeys = Words(source, "x-kubernetes-list-map-keys"),
        };
        var required = Words(source, "required").ToHashSet(StringComparer.Ordinal);
        foreach (var (name, value) in source["properties"] as JsonObject ?? [])
        {
            if (value is JsonObject property && !(path.Length == 0 && name is "kind" or "apiVersion" or "metadata" && path.Length == 0))
            {
                schema.Fields[name] = new Field(Read(property, $"{path}.{name}"))
                {
                    Required = required.Contains(name),
                    Default = property["default"],
                };
            }
        }

        if (source["additionalProperties"] is JsonObject values)
        {
            schema.Values = Read(values, $"{path}.*");
        }
        else if (source["additionalProperties"] is JsonValue flag && flag.TryGetValue(out bool open) && open)
        {
            schema.PreserveUnknown = true;
        }

        if (source["items"] is JsonObject items)
        {
            schema.Items = Read(items, $"{path}[]");
        }

        schema.Rules = ReadRules(source, path, required);
        return schema;
    }

    private static SchemaType TypeOf(JsonObject source, string path)
    {
        if (Flag(source, "x-kubernetes-int-or-string"))
        {
            return SchemaType.IntOrString;
        }

        return source.TextAt("type") switch
        {
            "object" => SchemaType.Object,
            "array" => SchemaType.Array,
            "string" => SchemaType.String,
            "integer" => SchemaType.Integer,
            "number" => SchemaType.Number,
            "boolean" => SchemaType.Boolean,
            // Parts of allOf, anyOf and oneOf only add rules to the type that is given outside.
            null or "" => SchemaType.Any,
            var other => throw new FormatException($"{path}: unknown type {other}"),
        };
    }

    private static SchemaRules ReadRules(JsonObject source, string path, HashSet<string> required)
    {
        var pattern = source.TextAt("pattern");
        return new()
        {
            Enum = source["enum"] is JsonArray values ? [.. values] : null,
            PatternText = pattern,
            Pattern = pattern is null ? null : Compile(pattern, path),
            Minimum = Number(source, "minimum"),
            Maximum = Number(source, "maximum"),
            ExclusiveMinimum = Flag(source, "exclusiveMinimum"),
            ExclusiveMaximum = Flag(source, "exclusiveMaximum"),
            MultipleOf = Number(source, "multipleOf"),
            MinLength = source.NumberAt("minLength"),
            MaxLength = source.NumberAt("maxLength"),
            MinItems = source.NumberAt("minItems"),
            MaxItems = source.NumberAt("maxItems"),
            MinProperties = source.NumberAt("minProperties"),
            MaxProperties = source.NumberAt("maxProperties"),
            UniqueItems = Flag(source, "uniqueItems"),
            AllOf = Parts(source, "allOf", path),
            AnyOf = Parts(source, "anyOf", path),
            OneOf = Parts(source, "oneOf", path),
            Not = source["not"] is JsonObject not ? Read(not, path) : null,
            Validations = [.. source.ObjectsAt("x-kubernetes-validations").Select(rule => new ValidationRule(
                Checked(rule.TextAt("rule") ?? "", path), rule.TextAt("message"), rule.TextAt("reason"), rule.TextAt("fieldPath")))],
            RequiredHere = [.. required],
        };
    }

    private static string Checked(string rule, string path)
    {
        try
        {
            Rules.CelParser.Parse(rule);
            return rule;
        }
        catch (FormatException error)
        {
            throw new FormatException($"{path}: x-kubernetes-validations: {rule}: {error.Message}", error);
        }
    }

    private static Regex Compile(string pattern, string path)
    {
        try
        {
            // The real server matches with RE2 (ECMA-like syntax): $ is the end of the text, not of its last line.
            return new Regex(
                Regex.Replace(pattern, @"(?<!\\)((?:\\\\)*)\$$", @"$1\z"), RegexOptions.CultureInvariant, PatternTimeout);
        }
        catch (ArgumentException error)
        {
            throw new FormatException($"{path}: pattern {pattern}: {error.Message}", error);
        }
    }

    private static List<Schema> Parts(JsonObject source, string name, string path) =>
        [.. source.ObjectsAt(name).Select(part => Read(part, path))];

    private static double? Number(JsonObject source, string name) =>
        source[name] is JsonValue value && value.GetValueKind() == System.Text.Json.JsonValueKind.Number ? Json.AsDouble(value) : null;

    private static bool Flag(JsonObject source, string name) =>
        source[name] is JsonValue value && value.TryGetValue(out bool flag) && flag;

    private static string[] Words(JsonObject source, string name) =>
        (source[name] as JsonArray)?.Select(item => item?.GetValue<string>() ?? "").ToArray() ?? [];
}
