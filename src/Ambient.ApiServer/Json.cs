using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Ambient.ApiServer;

/// <summary>Short ways to read and write JSON trees.</summary>
internal static class Json
{
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Compact text without needless escapes.</summary>
    public static string Text(JsonNode node) => node.ToJsonString(Plain);

    /// <summary>A node by names; null when a step is missing.</summary>
    public static JsonNode? At(this JsonNode? node, params ReadOnlySpan<string> path)
    {
        foreach (var name in path)
        {
            node = (node as JsonObject)?[name];
        }

        return node;
    }

    /// <summary>A string by names; null when missing or something else.</summary>
    public static string? TextAt(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    /// <summary>An integer by names; null when missing or something else.</summary>
    public static long? NumberAt(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonValue value && value.GetValueKind() == JsonValueKind.Number && AsLong(value) is { } number ? number : null;

    /// <summary>The objects of a list by names.</summary>
    public static IEnumerable<JsonObject> ObjectsAt(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonArray array ? array.OfType<JsonObject>() : [];

    /// <summary>The child object, made when missing.</summary>
    public static JsonObject Child(this JsonObject owner, string name)
    {
        if (owner[name] is JsonObject child)
        {
            return child;
        }

        child = [];
        owner[name] = child;
        return child;
    }

    /// <summary>Sets a field unless it is there.</summary>
    public static void SetDefault(this JsonObject owner, string name, JsonNode? value)
    {
        if (owner[name] is null)
        {
            owner[name] = value;
        }
    }

    /// <summary>The integer that a number is, whatever type it was made from.</summary>
    public static long? AsLong(JsonValue value)
    {
        if (value.TryGetValue(out long number))
        {
            return number;
        }

        if (value.TryGetValue(out int small))
        {
            return small;
        }

        return value.TryGetValue(out double real) && real == Math.Floor(real) && Math.Abs(real) < 9e15 ? (long)real : null;
    }

    /// <summary>The number as double.</summary>
    public static double AsDouble(JsonValue value) =>
        value.TryGetValue(out double real) ? real : AsLong(value) ?? throw new FormatException($"{Text(value)} is not a number.");
}
