using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ambient.Api.Kubernetes;

/// <summary>A Kubernetes object: what every kind has.</summary>
public interface IResource
{
    /// <summary>Group and version, e.g. <c>apps/v1</c>, or <c>v1</c> for the core group.</summary>
    string? ApiVersion { get; }

    /// <summary>The kind, e.g. <c>Pod</c>.</summary>
    string? Kind { get; }

    /// <summary>Name, namespace, labels and the rest.</summary>
    ObjectMeta Metadata { get; }
}

/// <summary>ObjectMeta, as far as the mesh reads or writes it.</summary>
public sealed record ObjectMeta
{
    public string Name { get; init; } = "";
    public string? Namespace { get; init; }
    public string? GenerateName { get; init; }
    public string? Uid { get; init; }
    public string? ResourceVersion { get; init; }
    public long? Generation { get; init; }
    public DateTimeOffset? CreationTimestamp { get; init; }
    public DateTimeOffset? DeletionTimestamp { get; init; }
    public long? DeletionGracePeriodSeconds { get; init; }
    public IReadOnlyDictionary<string, string>? Labels { get; init; }
    public IReadOnlyDictionary<string, string>? Annotations { get; init; }
    public IReadOnlyList<OwnerReference>? OwnerReferences { get; init; }
    public IReadOnlyList<string>? Finalizers { get; init; }

    /// <summary>The label's value, or null.</summary>
    public string? Label(string key) => Labels?.GetValueOrDefault(key);

    /// <summary>The annotation's value, or null.</summary>
    public string? Annotation(string key) => Annotations?.GetValueOrDefault(key);
}

/// <summary>The object that owns another; the owner's deletion takes the owned with it.</summary>
public sealed record OwnerReference
{
    public string? ApiVersion { get; init; }
    public string? Kind { get; init; }
    public string? Name { get; init; }
    public string? Uid { get; init; }
    public bool? Controller { get; init; }
    public bool? BlockOwnerDeletion { get; init; }
}

/// <summary>One fact of an object's status.</summary>
public sealed record Condition
{
    public string? Type { get; init; }
    public string? Status { get; init; }
    public string? Reason { get; init; }
    public string? Message { get; init; }

    /// <summary>Istio's own kinds write it as a string.</summary>
    [JsonNumberHandling(JsonNumberHandling.AllowReadingFromString)]
    public long? ObservedGeneration { get; init; }

    public DateTimeOffset? LastTransitionTime { get; init; }
}

/// <summary>A label selector: every entry of both parts must hold; an empty one selects everything.</summary>
public sealed record LabelSelector
{
    public IReadOnlyDictionary<string, string>? MatchLabels { get; init; }
    public IReadOnlyList<LabelSelectorRequirement>? MatchExpressions { get; init; }

    /// <summary>Whether the labels satisfy the selector; an unknown operator satisfies nothing.</summary>
    public bool Matches(IReadOnlyDictionary<string, string>? labels) =>
        (MatchLabels ?? EmptyLabels).All(wanted => labels?.GetValueOrDefault(wanted.Key) == wanted.Value)
        && (MatchExpressions ?? []).All(requirement => requirement.Matches(labels));

    private static readonly Dictionary<string, string> EmptyLabels = [];
}

/// <summary>One expression of a label selector.</summary>
public sealed record LabelSelectorRequirement
{
    public string Key { get; init; } = "";

    /// <summary><c>In</c>, <c>NotIn</c>, <c>Exists</c> or <c>DoesNotExist</c>.</summary>
    public string Operator { get; init; } = "";

    public IReadOnlyList<string>? Values { get; init; }

    /// <summary>Whether the labels satisfy this expression.</summary>
    public bool Matches(IReadOnlyDictionary<string, string>? labels)
    {
        var value = labels?.GetValueOrDefault(Key);
        return Operator switch
        {
            "In" => value is not null && (Values ?? []).Contains(value),
            "NotIn" => value is null || !(Values ?? []).Contains(value),
            "Exists" => value is not null,
            "DoesNotExist" => value is null,
            _ => false,
        };
    }
}

/// <summary>A port by number or by name, as Kubernetes' IntOrString.</summary>
[JsonConverter(typeof(IntOrStringConverter))]
public readonly record struct IntOrString(int? Number, string? Name)
{
    /// <inheritdoc />
    public override string ToString() => Number?.ToString() ?? Name ?? "";
}

internal sealed class IntOrStringConverter : JsonConverter<IntOrString>
{
    public override IntOrString Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.Number
            ? new IntOrString(reader.GetInt32(), null)
            : new IntOrString(null, reader.GetString());

    public override void Write(Utf8JsonWriter writer, IntOrString value, JsonSerializerOptions options)
    {
        if (value.Number is { } number)
        {
            writer.WriteNumberValue(number);
        }
        else
        {
            writer.WriteStringValue(value.Name);
        }
    }
}
