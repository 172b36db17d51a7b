using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Ambient.Api;
using Ambient.Kubernetes;

namespace Ambient.Cli.Waypoints;

/// <summary>What a waypoint's Gateway is to be, as the command line says it.</summary>
/// <param name="Name">The Gateway's name.</param>
/// <param name="For">Which traffic it takes (<c>istio.io/waypoint-for</c>); null leaves it to the control plane.</param>
/// <param name="Revision">The control plane's revision; null for the default.</param>
/// <param name="ServiceAccount">The one service account that it is for; null for whatever a label binds to it.</param>
internal sealed partial record WaypointGateway(string Name, string? For, string? Revision, string? ServiceAccount)
{
    /// <summary>The class of Gateways that are waypoints.</summary>
    public const string ClassName = "istio-waypoint";

    private static readonly string[] Traffic = ["service", "workload", "all", "none"];

    /// <summary>What is wrong with it, with the remedy; null for nothing.</summary>
    public string? Complaint =>
        Name == Labels.None ? $"--name {Name}: this name is reserved, as the value of {Labels.UseWaypoint} that means no waypoint. Choose another."
        : !ServiceName().IsMatch(Name) ? $"--name {Name}: use at most 63 small letters, digits and hyphens, beginning with a letter; a Service gets the same name."
        : For is not null && !Traffic.Contains(For) ? $"--for {For}: use one of {string.Join(", ", Traffic)}."
        : ServiceAccount is not null && !AccountName().IsMatch(ServiceAccount) ? $"--service-account {ServiceAccount}: give the name of a service account of the waypoint's namespace, without the namespace."
        : null;

    /// <summary>The manifest.</summary>
    /// <param name="ns">Its namespace; null leaves it to who applies it.</param>
    public JsonObject Manifest(string? ns)
    {
        var metadata = new JsonObject();
        if (ServiceAccount is not null)
        {
            metadata["annotations"] = new JsonObject { [Annotations.ForServiceAccount] = ServiceAccount };
        }

        var labels = new JsonObject();
        if (Revision is not null)
        {
            labels[Labels.Revision] = Revision;
        }

        if (For is not null)
        {
            labels[Labels.WaypointFor] = For;
        }

        if (labels.Count > 0)
        {
            metadata["labels"] = labels;
        }

        metadata["name"] = Name;
        if (ns is not null)
        {
            metadata["namespace"] = ns;
        }

        return new JsonObject
        {
            ["apiVersion"] = "gateway.networking.k8s.io/v1",
            ["kind"] = "Gateway",
            ["metadata"] = metadata,
            ["spec"] = new JsonObject
            {
                ["gatewayClassName"] = ClassName,
                ["listeners"] = new JsonArray(new JsonObject { ["name"] = "mesh", ["port"] = Ports.Hbone, ["protocol"] = "HBONE" }),
            },
        };
    }

    /// <summary>The manifest as YAML.</summary>
    public string Yaml(string? ns)
    {
        var text = new StringWriter();
        Write(text, Manifest(ns), "");
        return text.ToString();
    }

    private static void Write(StringWriter text, JsonObject mapping, string indent)
    {
        foreach (var (key, value) in mapping)
        {
            switch (value)
            {
                case JsonObject inner:
                    text.WriteLine($"{indent}{key}:");
                    Write(text, inner, indent + "  ");
                    break;
                case JsonArray list:
                    text.WriteLine($"{indent}{key}:");
                    foreach (var item in list.OfType<JsonObject>())
                    {
                        var lines = new StringWriter();
                        Write(lines, item, indent + "  ");
                        text.Write($"{indent}- {lines.ToString()[(indent.Length + 2)..]}");
                    }

                    break;
                default:
                    text.WriteLine($"{indent}{key}: {Scalar(value)}");
                    break;
            }
        }
    }

    /// <summary>Plain where a reader takes it for the same value, quoted otherwise: a service account may be called <c>on</c> or <c>123</c>.</summary>
    private static string Scalar(JsonNode? value)
    {
        var plain = value?.GetValueKind() == System.Text.Json.JsonValueKind.String ? value.GetValue<string>() : value?.ToJsonString() ?? "null";
        var read = Manifests.Parse($"value: {plain}")[0]["value"];
        return JsonNode.DeepEquals(read, value) ? plain : value!.ToJsonString();
    }

    [GeneratedRegex("^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$")]
    private static partial Regex ServiceName();

    [GeneratedRegex(@"^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$")]
    private static partial Regex AccountName();
}
