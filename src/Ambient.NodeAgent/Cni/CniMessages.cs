using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Ambient.NodeAgent.Enrolment;

namespace Ambient.NodeAgent.Cni;

/// <summary>Our entry of a CNI network configuration list, as the runtime hands it to the plugin (CNI specification §2 and §3).</summary>
internal sealed record CniConfiguration
{
    public const string PluginType = "istio-cni";

    public string CniVersion { get; init; } = "0.3.1";
    public string? Name { get; init; }
    public string? Type { get; init; }
    public JsonObject? PrevResult { get; init; }

    [JsonPropertyName("cni_agent_run_dir")]
    public string? AgentRunFolder { get; init; }

    [JsonPropertyName("ambient_enabled")]
    public bool AmbientEnabled { get; init; }

    [JsonPropertyName("enablement_selectors")]
    public IReadOnlyList<SelectorPair>? EnablementSelectors { get; init; }

    [JsonPropertyName("exclude_namespaces")]
    public IReadOnlyList<string>? ExcludeNamespaces { get; init; }

    [JsonPropertyName("pod_namespace")]
    public string? AgentNamespace { get; init; }
}

/// <summary>What the plugin asks of the agent (POST /cmdadd); the names are those of the original's JSON.</summary>
internal sealed record CniAddRequest
{
    public string? Netns { get; init; }
    public string? PodName { get; init; }
    public string? PodNamespace { get; init; }

    /// <summary>May be null or absent.</summary>
    public IReadOnlyList<CniAddress>? IPs { get; init; }
}

/// <summary>One address that the plugins before ours gave the pod.</summary>
internal sealed record CniAddress
{
    public int? Interface { get; init; }
    public CniNetwork? Address { get; init; }
    public string? Gateway { get; init; }
}

/// <summary>An address with its mask, base64 of its bytes.</summary>
internal sealed record CniNetwork
{
    public string? IP { get; init; }
    public string? Mask { get; init; }
}

/// <summary>What a plugin prints when it fails (CNI specification §5).</summary>
internal sealed record CniError
{
    public string CniVersion { get; init; } = "1.0.0";
    public int Code { get; init; }
    public string? Msg { get; init; }
    public string? Details { get; init; }
}

/// <summary>What a plugin prints for the verb VERSION.</summary>
internal sealed record CniVersions
{
    public string CniVersion { get; init; } = "1.1.0";
    public IReadOnlyList<string> SupportedVersions { get; init; } = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(CniConfiguration))]
[JsonSerializable(typeof(CniError))]
[JsonSerializable(typeof(CniVersions))]
internal sealed partial class CniJson : JsonSerializerContext;

/// <summary>The agent's messages keep the names of their fields as they are; readers of either side ignore case.</summary>
[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(CniAddRequest))]
internal sealed partial class CniAgentJson : JsonSerializerContext;
