using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Ambient.ApiServer.Schemas;

/// <summary>What a JSON value may be.</summary>
internal enum SchemaType
{
    Any,
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
    IntOrString,
}

/// <summary>How a list is merged by server-side apply.</summary>
internal enum ListType
{
    /// <summary>As a whole.</summary>
    Atomic,

    /// <summary>By value.</summary>
    Set,

    /// <summary>By key fields.</summary>
    Map,
}

/// <summary>
/// The structure of a value. Built-in kinds and custom resources share it, and with it decoding, defaults, pruning,
/// validation, merging and OpenAPI.
/// </summary>
internal sealed class Schema
{
    public SchemaType Type { get; set; }

    /// <summary>Format as OpenAPI has it, e.g. <c>int32</c>, <c>date-time</c>; or null.</summary>
    public string? Format { get; set; }

    /// <summary>The name of a built-in type, by which OpenAPI refers to it.</summary>
    public string? Name { get; set; }

    public string? Description { get; set; }

    /// <summary>Fields of an object, in order.</summary>
    public Dictionary<string, Field> Fields { get; } = new(StringComparer.Ordinal);

    /// <summary>Values of a map; null when the object is not a map.</summary>
    public Schema? Values { get; set; }

    /// <summary>Items of a list.</summary>
    public Schema? Items { get; set; }

    public bool PreserveUnknown { get; set; }

    public bool Nullable { get; set; }

    /// <summary>The value is a whole object: kind, apiVersion and metadata are known.</summary>
    public bool EmbeddedResource { get; set; }

    public ListType ListType { get; set; }

    public IReadOnlyList<string> MapKeys { get; set; } = [];

    /// <summary>An object or map that server-side apply owns as a whole.</summary>
    public bool IsAtomic { get; set; }

    /// <summary>Strategic merge: the list is merged, by this key or, when empty, by value.</summary>
    public string? MergeKey { get; set; }

    public SchemaRules Rules { get; set; } = SchemaRules.None;

    public static Schema Anything { get; } = new() { Type = SchemaType.Any, PreserveUnknown = true };
}

/// <summary>A field of an object.</summary>
internal sealed record Field(Schema Schema)
{
    public bool Required { get; init; }

    /// <summary>What an absent field becomes; null when it stays absent.</summary>
    public JsonNode? Default { get; init; }

    /// <summary>The field's number in protobuf; 0 when it is not known.</summary>
    public int Number { get; init; }

    /// <summary>Protobuf: the field tells zero and absent apart.</summary>
    public bool KeepsZero { get; init; }

    /// <summary>Whether the field is always there, as Go writes fields that are not optional.</summary>
    public bool HasZero { get; init; }

    /// <summary>The value of such a field when it is not set.</summary>
    public JsonNode? Zero { get; init; }
}

/// <summary>What a value must be beyond its structure.</summary>
internal sealed record SchemaRules
{
    public static SchemaRules None { get; } = new();

    public IReadOnlyList<JsonNode?>? Enum { get; init; }

    public Regex? Pattern { get; init; }

    public string? PatternText { get; init; }

    public double? Minimum { get; init; }

    public double? Maximum { get; init; }

    public bool ExclusiveMinimum { get; init; }

    public bool ExclusiveMaximum { get; init; }

    public double? MultipleOf { get; init; }

    public long? MinLength { get; init; }

    public long? MaxLength { get; init; }

    public long? MinItems { get; init; }

    public long? MaxItems { get; init; }

    public long? MinProperties { get; init; }

    public long? MaxProperties { get; init; }

    public bool UniqueItems { get; init; }

    public IReadOnlyList<Schema> AllOf { get; init; } = [];

    public IReadOnlyList<Schema> AnyOf { get; init; } = [];

    public IReadOnlyList<Schema> OneOf { get; init; } = [];

    public Schema? Not { get; init; }

    /// <summary>Fields that must be there; also in parts of allOf, anyOf and oneOf that describe no fields.</summary>
    public IReadOnlyList<string> RequiredHere { get; init; } = [];

    /// <summary>Expressions of <c>x-kubernetes-validations</c>.</summary>
    public IReadOnlyList<ValidationRule> Validations { get; init; } = [];
}

/// <summary>One expression that must hold.</summary>
internal sealed record ValidationRule(string Rule, string? Message, string? Reason, string? FieldPath);
