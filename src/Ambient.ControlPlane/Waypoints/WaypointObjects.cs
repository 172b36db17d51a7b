using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Ambient.Api;
using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Derivation;
using Ambient.Kubernetes;

namespace Ambient.ControlPlane.Waypoints;

/// <summary>The objects that a waypoint's Gateway stands for: a ServiceAccount, a Deployment and a Service, all owned by it.</summary>
internal static partial class WaypointObjects
{
    /// <summary>The class whose Gateways are deployed here.</summary>
    public const string ClassName = "istio-waypoint";

    /// <summary>The controller of that class, and the field manager of what is deployed.</summary>
    public const string Controller = "istio.io/mesh-controller";

    /// <summary>How the controller's name reads in a label.</summary>
    public const string Managed = "istio.io-mesh-controller";

    /// <summary>On a Gateway: the name of its service account, if it is not the Gateway's.</summary>
    private const string AccountAnnotation = "gateway.istio.io/service-account";

    private static readonly string Template = ReadTemplate();

    /// <summary>Whether the Gateway is ours to deploy: of the waypoints' class, and not served by something that stands already.</summary>
    public static bool IsDeployed(Gateway gateway) =>
        gateway.Spec?.GatewayClassName == ClassName && gateway.Spec.Addresses?.Any(address => address.Type == "Hostname") != true;

    /// <summary>The service account of a Gateway's pods.</summary>
    public static string AccountOf(Gateway gateway) => gateway.Metadata.Annotation(AccountAnnotation) ?? gateway.Metadata.Name;

    public static IReadOnlyList<JsonObject> Of(Gateway gateway, string network, MeshSettings mesh)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["NAME"] = gateway.Metadata.Name,
            ["NAMESPACE"] = gateway.Metadata.Namespace ?? "",
            ["ACCOUNT"] = AccountOf(gateway),
            ["IMAGE"] = mesh.WaypointImage,
            ["REVISION"] = mesh.Revision,
            ["SYSTEM"] = mesh.RootNamespace,
            ["DOMAIN"] = mesh.DomainSuffix,
            ["TRUST_DOMAIN"] = mesh.TrustDomain,
            ["CLUSTER"] = mesh.ClusterId,
            ["NETWORK"] = network,
        };
        var objects = Manifests.Parse(Placeholder().Replace(Template, match => values[match.Groups[1].Value]), "waypoint.yaml");
        foreach (var made in objects)
        {
            Mark(made["metadata"]!.AsObject(), gateway);
            made["metadata"]!["ownerReferences"] = new JsonArray((JsonNode)Owner(gateway));
            if (made["spec"]?["template"]?["metadata"] is JsonObject pod)
            {
                Mark(pod, gateway);
                if (network.Length > 0)
                {
                    pod["labels"]![Labels.Network] = network;
                }
            }
        }

        return objects;
    }

    /// <summary>What tells whose an object is, and what the Gateway wants on everything that is made for it.</summary>
    private static void Mark(JsonObject metadata, Gateway gateway)
    {
        Add(metadata, "labels", gateway.Spec?.Infrastructure?.Labels);
        Add(metadata, "annotations", gateway.Spec?.Infrastructure?.Annotations);
        Add(metadata, "labels", new Dictionary<string, string>
        {
            [Labels.GatewayName] = gateway.Metadata.Name,
            [Labels.GatewayClassName] = ClassName,
            [Labels.GatewayManaged] = Managed,
        });
    }

    private static void Add(JsonObject metadata, string part, IReadOnlyDictionary<string, string>? entries)
    {
        if (entries is not { Count: > 0 })
        {
            return;
        }

        var target = metadata[part] as JsonObject;
        if (target is null)
        {
            metadata[part] = target = [];
        }

        foreach (var (key, value) in entries)
        {
            target[key] = value;
        }
    }

    private static JsonObject Owner(Gateway gateway) => new()
    {
        ["apiVersion"] = "gateway.networking.k8s.io/v1",
        ["kind"] = "Gateway",
        ["name"] = gateway.Metadata.Name,
        ["uid"] = gateway.Metadata.Uid,
    };

    private static string ReadTemplate()
    {
        using var stream = typeof(WaypointObjects).Assembly.GetManifestResourceStream("Ambient.ControlPlane.Waypoints.waypoint.yaml")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    [GeneratedRegex(@"\$\{([A-Z_]+)\}")]
    private static partial Regex Placeholder();
}
