using System.Net;
using System.Text.Json.Nodes;
using Ambient.Kubernetes;
using Ambient.Sandbox.Network;

namespace Ambient.Sandbox;

/// <summary>The name server's service, and the endpoints of the two services that have no pods.</summary>
internal static class ClusterObjects
{
    /// <summary>The service address of the name server, fixed because pods' resolv.conf holds it.</summary>
    public static string DnsAddress(AddressPlan plan) => $"10.{plan.Slot}.240.10";

    /// <summary>Creates them.</summary>
    public static async Task CreateAsync(KubernetesClient client, AddressPlan plan, ClusterServer server, IPEndPoint dns, CancellationToken ct)
    {
        var apply = new ManifestApply(client, "sandbox");
        var manifests = new List<JsonObject>();
        manifests.Add(Object("v1", "Service", "kube-dns", "kube-system", new JsonObject
        {
            ["spec"] = new JsonObject
            {
                ["clusterIP"] = DnsAddress(plan),
                ["ports"] = new JsonArray(new JsonObject { ["name"] = "dns", ["port"] = 53, ["protocol"] = "UDP" }),
            },
        }));
        manifests.Add(Slice("kube-dns", "kube-system", "dns", "UDP", dns));
        manifests.Add(Slice("kubernetes", "default", "https", "TCP", new IPEndPoint(plan.Host4, server.Url.Port)));
        await apply.ApplyAsync(manifests, null, ct);
    }

    private static JsonObject Slice(string service, string ns, string port, string protocol, IPEndPoint endpoint) =>
        Object("discovery.k8s.io/v1", "EndpointSlice", service, ns, new JsonObject
        {
            ["addressType"] = "IPv4",
            ["ports"] = new JsonArray(new JsonObject { ["name"] = port, ["port"] = endpoint.Port, ["protocol"] = protocol }),
            ["endpoints"] = new JsonArray(new JsonObject
            {
                ["addresses"] = new JsonArray(endpoint.Address.ToString()),
                ["conditions"] = new JsonObject { ["ready"] = true },
            }),
        }, new JsonObject { ["kubernetes.io/service-name"] = service });

    private static JsonObject Object(string version, string kind, string name, string? ns, JsonObject rest, JsonObject? labels = null)
    {
        var metadata = new JsonObject { ["name"] = name };
        if (ns is not null)
        {
            metadata["namespace"] = ns;
        }

        if (labels is not null)
        {
            metadata["labels"] = labels;
        }

        var result = new JsonObject { ["apiVersion"] = version, ["kind"] = kind, ["metadata"] = metadata };
        foreach (var (key, value) in rest.ToArray())
        {
            rest.Remove(key);
            result[key] = value;
        }

        return result;
    }
}
