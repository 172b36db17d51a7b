using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Ambient.Api;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;
using Microsoft.Extensions.Logging;

namespace Ambient.Sandbox.Controllers;

/// <summary>The endpoint slices of services with a selector: per address family, and per set of resolved ports, one slice.</summary>
internal sealed class EndpointSliceController : Controller
{
    private const string ManagedBy = "endpointslice.kubernetes.io/managed-by";
    private const string OurName = "endpointslice-controller.k8s.io";

    private readonly KubernetesClient _client;
    private readonly ClusterState _state;

    public EndpointSliceController(KubernetesClient client, ClusterState state, ILogger logger, TimeProvider time)
        : base("endpointslices", logger, time)
    {
        _client = client;
        _state = state;
        state.Services.Subscribe(change => Queue.Add(ObjectKey.Of(change.Object)));
        state.Pods.Subscribe(change =>
        {
            foreach (var service in state.Services.List().Where(service => Selects(service, change.Old) || Selects(service, change.New)))
            {
                Queue.Add(ObjectKey.Of(service));
            }
        });
    }

    /// <inheritdoc />
    protected override async Task ReconcileAsync(ObjectKey key, CancellationToken ct)
    {
        var service = _state.Services.Get(key.Namespace, key.Name);
        if (service is { Spec.Selector: null or { Count: 0 } })
        {
            return; // its owner makes its endpoints
        }

        var wanted = service is null || service.Metadata.DeletionTimestamp is not null ? [] : Slices(service, _state.Pods.List());
        var present = (await _client.ListAsync(ResourceKinds.EndpointSlices, key.Namespace, new ListOptions
        {
            LabelSelector = $"{Labels.ServiceName}={key.Name},{ManagedBy}={OurName}",
        }, ct)).Items.ToDictionary(slice => slice.Metadata.Name);
        foreach (var slice in wanted)
        {
            if (!present.Remove(slice.Metadata.Name, out var old))
            {
                await _client.CreateAsync(ResourceKinds.EndpointSlices, slice, ct);
            }
            else if (Content(old) != Content(slice))
            {
                await _client.UpdateAsync(
                    ResourceKinds.EndpointSlices, slice with { Metadata = slice.Metadata with { ResourceVersion = old.Metadata.ResourceVersion } }, null, ct);
            }
        }

        foreach (var outdated in present.Keys)
        {
            try
            {
                await _client.DeleteAsync(ResourceKinds.EndpointSlices, key.Namespace, outdated, null, ct);
            }
            catch (KubernetesException e) when (e.IsNotFound)
            {
                // Gone with its service.
            }
        }
    }

    /// <summary>The slices that a service should have.</summary>
    internal static IReadOnlyList<EndpointSlice> Slices(Service service, IEnumerable<Pod> pods)
    {
        var slices = new List<EndpointSlice>();
        var chosen = pods.Where(pod => Selects(service, pod) && pod.Status?.Phase is not ("Succeeded" or "Failed"))
            .OrderBy(pod => pod.Metadata.Name, StringComparer.Ordinal).ToArray();
        foreach (var family in service.Spec?.IpFamilies ?? ["IPv4"])
        {
            var groups = chosen
                .Select(pod => (Pod: pod, Address: AddressOf(pod, family), Ports: PortsOf(service, pod)))
                .Where(found => found.Address is not null)
                .GroupBy(found => string.Join(';', found.Ports.Select(port => $"{port.Name}/{port.Protocol}/{port.Port}")));
            foreach (var group in groups)
            {
                slices.Add(new EndpointSlice
                {
                    Metadata = new ObjectMeta
                    {
                        Name = $"{service.Metadata.Name}-{Hash(family + group.Key)}",
                        Namespace = service.Metadata.Namespace,
                        Labels = new Dictionary<string, string> { [Labels.ServiceName] = service.Metadata.Name, [ManagedBy] = OurName },
                        OwnerReferences = [new OwnerReference { ApiVersion = "v1", Kind = "Service", Name = service.Metadata.Name, Uid = service.Metadata.Uid, Controller = true, BlockOwnerDeletion = true }],
                    },
                    AddressType = family,
                    Ports = group.First().Ports,
                    Endpoints = [.. group.Select(found => EndpointOf(service, found.Pod, found.Address!))],
                });
            }
        }

        return slices;
    }

    private static Endpoint EndpointOf(Service service, Pod pod, string address)
    {
        var terminating = pod.Metadata.DeletionTimestamp is not null;
        var serving = (pod.Status?.Conditions ?? []).Any(condition => condition is { Type: "Ready", Status: "True" });
        return new Endpoint
        {
            Addresses = [address],
            Conditions = new EndpointConditions
            {
                Ready = service.Spec?.PublishNotReadyAddresses == true || (serving && !terminating),
                Serving = serving,
                Terminating = terminating,
            },
            NodeName = pod.Spec?.NodeName,
            TargetRef = new ObjectReference { Kind = "Pod", Name = pod.Metadata.Name, Namespace = pod.Metadata.Namespace, Uid = pod.Metadata.Uid },
        };
    }

    /// <summary>A service's ports as this pod has them; a named target that the pod does not have is left out.</summary>
    private static IReadOnlyList<EndpointPort> PortsOf(Service service, Pod pod) =>
        [.. (service.Spec?.Ports ?? []).Select(port => (Port: port, Number: Target(port, pod))).Where(found => found.Number is not null)
            .Select(found => new EndpointPort { Name = found.Port.Name ?? "", Port = found.Number, Protocol = found.Port.Protocol ?? "TCP", AppProtocol = found.Port.AppProtocol })];

    private static int? Target(ServicePort port, Pod pod) => port.TargetPort switch
    {
        null => port.Port,
        { Number: { } number } => number == 0 ? port.Port : number,
        { Name: { } name } => (pod.Spec?.Containers ?? []).SelectMany(container => container.Ports ?? []).FirstOrDefault(own => own.Name == name)?.Port,
        _ => port.Port,
    };

    private static string? AddressOf(Pod pod, string family)
    {
        var wanted = family == "IPv6" ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork;
        return (pod.Status?.PodIPs ?? []).Select(ip => ip.Ip).FirstOrDefault(ip => IPAddress.TryParse(ip, out var address) && address.AddressFamily == wanted);
    }

    private static bool Selects(Service service, Pod? pod) =>
        pod is not null && pod.Metadata.Namespace == service.Metadata.Namespace
        && service.Spec?.Selector is { Count: > 0 } selector && selector.All(label => pod.Metadata.Label(label.Key) == label.Value);

    private static string Content(EndpointSlice slice) =>
        JsonSerializer.Serialize(slice with { Metadata = new ObjectMeta { Labels = slice.Metadata.Labels } }, ResourceJson.Default.EndpointSlice);

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..5];
}
