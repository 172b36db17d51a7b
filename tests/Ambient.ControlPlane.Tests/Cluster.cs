using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Derivation;

namespace Ambient.ControlPlane.Tests;

/// <summary>Feeds resources to a model as an API server would hold them.</summary>
internal static class Cluster
{
    /// <summary>The nodes that every recording was made with.</summary>
    public static IEnumerable<Node> Nodes { get; } =
    [
        NodeAt("node-1", "r1", "z1", "rack1"), NodeAt("node-2", "r1", "z2", "rack2"), NodeAt("node-3", "r2", "z3", "rack3"),
    ];

    public static MeshModel Model(string yaml, MeshSettings? settings = null)
    {
        var model = new MeshModel(settings ?? new MeshSettings());
        foreach (var node in Nodes)
        {
            model.Inputs.Nodes.Set(node.Metadata.Name, node);
        }

        model.Apply(yaml);
        model.ImplySlices();
        return model;
    }

    /// <summary>The endpoints that selectors imply.</summary>
    public static void ImplySlices(this MeshModel model)
    {
        foreach (var slice in ImpliedSlices(model))
        {
            model.Inputs.EndpointSlices.Set(ResourceKey.Of(slice), slice);
        }
    }

    public static void Apply(this MeshModel model, string yaml)
    {
        foreach (var resource in Manifest.Read(yaml))
        {
            model.Apply(resource);
        }
    }

    public static void Apply(this MeshModel model, JsonObject resource)
    {
        var key = ResourceKey.Of((string?)resource["metadata"]!["namespace"], (string)resource["metadata"]!["name"]!);
        switch (resource.Kind())
        {
            case "Namespace": model.Inputs.Namespaces.Set(key, resource.As(ResourceJson.Default.Namespace)); break;
            case "Pod": model.Inputs.Pods.Set(key, resource.As(ResourceJson.Default.Pod)); break;
            case "Service": model.Inputs.Services.Set(key, Defaulted(resource.As(ResourceJson.Default.Service))); break;
            case "Gateway": model.Inputs.Gateways.Set(key, resource.As(ResourceJson.Default.Gateway)); break;
            case "GatewayClass": model.Inputs.GatewayClasses.Set(key, resource.As(ResourceJson.Default.GatewayClass)); break;
            case "HTTPRoute": model.Inputs.HttpRoutes.Set(key, resource.As(ResourceJson.Default.HttpRoute)); break;
            case "GRPCRoute": model.Inputs.GrpcRoutes.Set(key, resource.As(ResourceJson.Default.GrpcRoute)); break;
            case "ServiceEntry": model.Inputs.ServiceEntries.Offer(key, resource.As(ResourceJson.Default.ServiceEntry)); break;
            case "WorkloadEntry": model.Inputs.WorkloadEntries.Offer(key, resource.As(ResourceJson.Default.WorkloadEntry)); break;
            case "VirtualService": model.Inputs.VirtualServices.Offer(key, resource.As(ResourceJson.Default.VirtualService)); break;
            case "DestinationRule": model.Inputs.DestinationRules.Offer(key, resource.As(ResourceJson.Default.DestinationRule)); break;
            case "EndpointSlice": model.Inputs.EndpointSlices.Set(key, resource.As(ResourceJson.Default.EndpointSlice)); break;
            case "AuthorizationPolicy": model.Inputs.AuthorizationPolicies.Offer(key, resource.As(ResourceJson.Default.AuthorizationPolicy)); break;
            case "PeerAuthentication": model.Inputs.PeerAuthentications.Offer(key, resource.As(ResourceJson.Default.PeerAuthentication)); break;
            default: throw new NotSupportedException(resource.Kind());
        }
    }

    public static void Remove(this MeshModel model, JsonObject resource)
    {
        var key = ResourceKey.Of((string?)resource["metadata"]!["namespace"], (string)resource["metadata"]!["name"]!);
        switch (resource.Kind())
        {
            case "Pod": model.Inputs.Pods.Set(key, null); break;
            case "Service": model.Inputs.Services.Set(key, null); break;
            case "Gateway": model.Inputs.Gateways.Set(key, null); break;
            case "AuthorizationPolicy": model.Inputs.AuthorizationPolicies.Offer(key, null); break;
            case "PeerAuthentication": model.Inputs.PeerAuthentications.Offer(key, null); break;
            default: throw new NotSupportedException(resource.Kind());
        }
    }

    /// <summary>Fills in what the API server fills in on creation.</summary>
    private static Service Defaulted(Service service) => service.Spec!.Type == "ExternalName"
        ? service
        : service with
        {
            Spec = service.Spec with
            {
                ClusterIPs = service.Spec.ClusterIPs ?? [service.Spec.ClusterIP!],
                IpFamilies = service.Spec.IpFamilies ?? ["IPv4"],
                InternalTrafficPolicy = service.Spec.InternalTrafficPolicy ?? "Cluster",
            },
        };

    private static IEnumerable<EndpointSlice> ImpliedSlices(MeshModel model) =>
        from service in model.Inputs.Services.Items.Values.ToArray()
        where service.Spec?.Selector is { Count: > 0 }
        select new EndpointSlice
        {
            Metadata = new ObjectMeta
            {
                Name = service.Metadata.Name + "-implied",
                Namespace = service.Metadata.Namespace,
                Labels = new Dictionary<string, string> { ["kubernetes.io/service-name"] = service.Metadata.Name },
            },
            AddressType = "IPv4",
            Endpoints =
            [
                .. from pod in model.Inputs.Pods.Items.Values
                   where new LabelSelector { MatchLabels = service.Spec!.Selector }.Matches(pod.Metadata.Labels)
                   select new Ambient.Api.Kubernetes.Endpoint
                   {
                       Addresses = [pod.Status!.PodIP!],
                       TargetRef = new ObjectReference { Kind = "Pod", Namespace = pod.Metadata.Namespace, Name = pod.Metadata.Name },
                   },
            ],
        };

    private static Node NodeAt(string name, string region, string zone, string subzone) => new()
    {
        Metadata = new ObjectMeta
        {
            Name = name,
            Labels = new Dictionary<string, string>
            {
                ["topology.kubernetes.io/region"] = region,
                ["topology.kubernetes.io/zone"] = zone,
                ["topology.istio.io/subzone"] = subzone,
            },
        },
    };
}
