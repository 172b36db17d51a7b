using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Ambient.Sandbox.Cni;

/// <summary>A list of plugins (CNI specification 1.0, section 1), as files in a node's configuration folder hold it.</summary>
internal sealed record NetworkList
{
    public string CniVersion { get; init; } = "1.0.0";
    public string Name { get; init; } = "";
    public IReadOnlyList<JsonObject> Plugins { get; init; } = [];
}

/// <summary>What a plugin was asked to make: our bridge plugin's configuration.</summary>
internal sealed record PtpConfiguration
{
    public string CniVersion { get; init; } = "1.0.0";
    public string Name { get; init; } = "";
    public string Type { get; init; } = "";

    /// <summary>The node's pod ranges; one address is taken from each.</summary>
    public IReadOnlyList<string> Ranges { get; init; } = [];

    /// <summary>The address of the node that pods use as gateway, per range.</summary>
    public IReadOnlyList<string> Gateways { get; init; } = [];

    /// <summary>Where taken addresses are noted.</summary>
    public string DataDir { get; init; } = "";
}

/// <summary>What a plugin made (specification, section 5).</summary>
internal sealed record CniResult
{
    public string CniVersion { get; init; } = "1.0.0";
    public IReadOnlyList<CniInterface> Interfaces { get; init; } = [];
    public IReadOnlyList<CniAddress> Ips { get; init; } = [];
    public IReadOnlyList<CniRoute> Routes { get; init; } = [];
}

/// <summary>A link that a plugin made; without a sandbox it is the node's end.</summary>
internal sealed record CniInterface(string Name, string? Mac, string? Sandbox);

/// <summary>An address that a plugin gave, with its prefix length, and the index of its link.</summary>
internal sealed record CniAddress(string Address, string? Gateway, int? Interface);

/// <summary>A route that a plugin set in the pod.</summary>
internal sealed record CniRoute(string Dst, string? Gw);

/// <summary>A plugin's refusal (specification, section 5): it prints this and exits with 1.</summary>
internal sealed record CniError(string CniVersion, int Code, string Msg, string? Details);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    WriteIndented = true)]
[JsonSerializable(typeof(NetworkList))]
[JsonSerializable(typeof(PtpConfiguration))]
[JsonSerializable(typeof(CniResult))]
[JsonSerializable(typeof(CniError))]
internal sealed partial class CniJson : JsonSerializerContext;
