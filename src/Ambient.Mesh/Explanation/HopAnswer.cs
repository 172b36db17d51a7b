using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ambient.Mesh.Explanation;

/// <summary>Where a connection goes from a proxy.</summary>
public enum Onward
{
    /// <summary>Nowhere: it is refused, or answered here.</summary>
    End,

    /// <summary>Through a tunnel to a waypoint.</summary>
    Waypoint,

    /// <summary>Through a tunnel to the workload that serves it.</summary>
    Tunnel,

    /// <summary>In plaintext to the workload that serves it.</summary>
    Plaintext,

    /// <summary>Out of what the mesh knows.</summary>
    Outside,

    /// <summary>Into the application.</summary>
    Application,
}

/// <summary>What a proxy would do with a connection or request, and why.</summary>
public sealed record HopAnswer
{
    /// <summary>Who says so, for people: <c>ztunnel of shop/web-1 (node-1)</c>.</summary>
    public required string Proxy { get; init; }

    /// <summary>What led there, in order, a sentence each.</summary>
    public required IReadOnlyList<string> Steps { get; init; }

    /// <summary>Why it goes no further; null if it does.</summary>
    public string? Refusal { get; init; }

    /// <summary>Where it goes.</summary>
    public required Onward Next { get; init; }

    /// <summary>The uid of the workload that takes it next.</summary>
    public string? Server { get; init; }

    /// <summary>That workload's namespace and name.</summary>
    public string? ServerName { get; init; }

    /// <summary>The node that it runs on.</summary>
    public string? ServerNode { get; init; }

    /// <summary>The address and port that it is meant for there.</summary>
    public string? Destination { get; init; }

    /// <summary>The address that it comes from there.</summary>
    public string? Client { get; init; }

    /// <summary>The identity that the tunnel to it proves; null in plaintext.</summary>
    public string? Identity { get; init; }

    /// <summary>The answer as JSON.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, HopJson.Default.HopAnswer);

    /// <summary>Reads an answer.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public static HopAnswer FromJson(ReadOnlySpan<byte> json) =>
        JsonSerializer.Deserialize(json, HopJson.Default.HopAnswer) ?? throw new JsonException("the answer is null");
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true,
    WriteIndented = true)]
[JsonSerializable(typeof(HopAnswer))]
internal sealed partial class HopJson : JsonSerializerContext;
