using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Derivation;
using Ambient.ControlPlane.Waypoints;

namespace Ambient.ControlPlane.Offline;

/// <summary>
/// A cluster as it will be once manifests are applied to it: deployments have their pods, pods and services their addresses, waypoints
/// are deployed and ready, pods of the mesh captured. What a manifest says of itself (a dump of a real cluster says all of it) stays.
/// </summary>
internal sealed class PlannedCluster
{
    private readonly MeshSettings _settings;
    private readonly Dictionary<string, Namespace> _namespaces = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Pod> _pods = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Service> _services = new(StringComparer.Ordinal);
    private readonly List<PlannedWorkload> _workloads = [];
    private readonly List<Gateway> _gateways = [];
    private readonly List<Action<MeshInputs>> _others = [];
    private readonly SortedSet<string> _unknownNamespaces = new(StringComparer.Ordinal);

    private PlannedCluster(MeshSettings settings) => _settings = settings;

    /// <summary>Plans.</summary>
    /// <param name="manifests">Objects of any kind; those that mean nothing to the mesh are left out.</param>
    /// <param name="settings">The mesh's.</param>
    /// <param name="inputs">Is filled.</param>
    /// <returns>What had to be assumed, for people.</returns>
    /// <exception cref="FormatException">A manifest cannot be read; names it.</exception>
    public static IReadOnlyList<string> Fill(IEnumerable<JsonObject> manifests, MeshSettings settings, MeshInputs inputs)
    {
        var cluster = new PlannedCluster(settings);
        foreach (var manifest in manifests)
        {
            try
            {
                cluster.Take(manifest);
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException)
            {
                throw new FormatException($"{(string?)manifest["kind"]} {(manifest["metadata"] as JsonObject)?["name"]}: {e.Message}", e);
            }
        }

        cluster.DeployWaypoints();
        cluster.Fill(inputs);
        return [.. cluster._unknownNamespaces.Select(ns => $"namespace {ns} is not among the manifests: it is taken for one without labels, so its pods are not in the mesh")];
    }

    private void Take(JsonObject manifest)
    {
        var kind = (string?)manifest["kind"] ?? "";
        switch (kind)
        {
            case "Namespace": Keep(_namespaces, manifest, ResourceJson.Default.Namespace, namespaced: false); break;
            case "Pod": Keep(_pods, manifest, ResourceJson.Default.Pod); break;
            case "Service": Keep(_services, manifest, ResourceJson.Default.Service); break;
            case "Gateway": _gateways.Add(Read(manifest, ResourceJson.Default.Gateway).Object); break;
            case "Node": Other(manifest, ResourceJson.Default.Node, (inputs, key, node) => inputs.Nodes.Set(key, node), namespaced: false); break;
            case "EndpointSlice": Other(manifest, ResourceJson.Default.EndpointSlice, (inputs, key, slice) => inputs.EndpointSlices.Set(key, slice)); break;
            case "GatewayClass": Other(manifest, ResourceJson.Default.GatewayClass, (inputs, key, gatewayClass) => inputs.GatewayClasses.Set(key, gatewayClass), namespaced: false); break;
            case "HTTPRoute": Other(manifest, ResourceJson.Default.HttpRoute, (inputs, key, route) => inputs.HttpRoutes.Set(key, route)); break;
            case "GRPCRoute": Other(manifest, ResourceJson.Default.GrpcRoute, (inputs, key, route) => inputs.GrpcRoutes.Set(key, route)); break;
            case "VirtualService": Other(manifest, ResourceJson.Default.VirtualService, (inputs, key, service) => inputs.VirtualServices.Offer(key, service)); break;
            case "DestinationRule": Other(manifest, ResourceJson.Default.DestinationRule, (inputs, key, rule) => inputs.DestinationRules.Offer(key, rule)); break;
            case "ServiceEntry": Other(manifest, ResourceJson.Default.ServiceEntry, (inputs, key, entry) => inputs.ServiceEntries.Offer(key, entry)); break;
            case "WorkloadEntry": Other(manifest, ResourceJson.Default.WorkloadEntry, (inputs, key, entry) => inputs.WorkloadEntries.Offer(key, entry)); break;
            case "AuthorizationPolicy": Other(manifest, ResourceJson.Default.AuthorizationPolicy, (inputs, key, policy) => inputs.AuthorizationPolicies.Offer(key, policy)); break;
            case "PeerAuthentication": Other(manifest, ResourceJson.Default.PeerAuthentication, (inputs, key, policy) => inputs.PeerAuthentications.Offer(key, policy)); break;
            default:
                if (PlannedWorkload.Read(Namespaced(manifest)) is { } workload)
                {
                    _workloads.Add(workload);
                }

                break;
        }
    }

    /// <summary>What the control plane deploys for waypoints, which are then taken for ready unless their status says how they are.</summary>
    private void DeployWaypoints()
    {
        foreach (var gateway in _gateways)
        {
            var deployed = WaypointObjects.IsDeployed(gateway);
            foreach (var made in deployed ? WaypointObjects.Of(gateway, "", _settings) : [])
            {
                if ((string?)made["kind"] != "Service" || !_services.ContainsKey(KeyOf(made, namespaced: true)))
                {
                    Take(made);
                }
            }

            var planned = deployed && gateway.Status?.Conditions?.Any(condition => condition.Reason != "Pending") != true ? gateway with
            {
                Status = new GatewayStatus
                {
                    Addresses = [new GatewayAddress { Type = "Hostname", Value = $"{gateway.Metadata.Name}.{gateway.Metadata.Namespace}.svc.{_settings.DomainSuffix}" }],
                },
            } : gateway;
            _others.Add(inputs => inputs.Gateways.Set(ResourceKey.Of(planned), planned));
        }
    }

    private void Fill(MeshInputs inputs)
    {
        foreach (var workload in _workloads)
        {
            foreach (var pod in workload.Pods(_pods.Values))
            {
                _pods.TryAdd(ResourceKey.Of(pod), pod);
            }
        }

        foreach (var (key, ns) in _namespaces)
        {
            inputs.Namespaces.Set(key, ns);
        }

        var addresses = new PlannedAddresses(_pods.Values, _services.Values);
        foreach (var (key, pod) in _pods)
        {
            var ns = pod.Metadata.Namespace ?? "";
            if (!_namespaces.TryGetValue(ns, out var home))
            {
                _unknownNamespaces.Add(ns);
            }

            inputs.Pods.Set(key, PlannedPods.Running(pod, home, addresses));
        }

        foreach (var (key, service) in _services)
        {
            inputs.Services.Set(key, addresses.Assign(service));
        }

        foreach (var set in _others)
        {
            set(inputs);
        }
    }

    private static void Keep<T>(Dictionary<string, T> into, JsonObject manifest, JsonTypeInfo<T> json, bool namespaced = true)
        where T : class, IResource
    {
        var (key, value) = Read(manifest, json, namespaced);
        into[key] = value;
    }

    private void Other<T>(JsonObject manifest, JsonTypeInfo<T> json, Action<MeshInputs, string, T> set, bool namespaced = true)
        where T : class, IResource
    {
        var (key, value) = Read(manifest, json, namespaced);
        _others.Add(inputs => set(inputs, key, value));
    }

    private static (string Key, T Object) Read<T>(JsonObject manifest, JsonTypeInfo<T> json, bool namespaced = true)
        where T : class, IResource =>
        (KeyOf(manifest, namespaced), (namespaced ? Namespaced(manifest) : manifest).Deserialize(json)!);

    private static string KeyOf(JsonObject manifest, bool namespaced) => ResourceKey.Of(
        namespaced ? (string?)Metadata(manifest)["namespace"] ?? "default" : null,
        (string?)Metadata(manifest)["name"] ?? throw new FormatException($"A {(string?)manifest["kind"]} has no metadata.name."));

    private static JsonObject Metadata(JsonObject manifest) =>
        manifest["metadata"] as JsonObject ?? throw new FormatException($"A {(string?)manifest["kind"]} has no metadata.");

    /// <summary>An object without namespace goes into the one that kubectl would take.</summary>
    private static JsonObject Namespaced(JsonObject manifest)
    {
        if (manifest["metadata"] is JsonObject metadata && metadata["namespace"] is null)
        {
            manifest = (JsonObject)manifest.DeepClone();
            manifest["metadata"]!["namespace"] = "default";
        }

        return manifest;
    }
}
