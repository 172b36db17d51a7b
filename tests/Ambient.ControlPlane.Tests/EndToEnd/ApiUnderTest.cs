using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;
using Ambient.ApiServer;
using Ambient.Kubernetes;

namespace Ambient.ControlPlane.Tests.EndToEnd;

/// <summary>A real API of its own, with a cluster in it.</summary>
internal sealed class ApiUnderTest : ICluster, IAsyncDisposable
{
    private static readonly Dictionary<string, string> Collections = new()
    {
        ["Namespace"] = "/api/v1/namespaces",
        ["Node"] = "/api/v1/nodes",
        ["ServiceAccount"] = "/api/v1/namespaces/{0}/serviceaccounts",
        ["Pod"] = "/api/v1/namespaces/{0}/pods",
        ["Service"] = "/api/v1/namespaces/{0}/services",
        ["EndpointSlice"] = "/apis/discovery.k8s.io/v1/namespaces/{0}/endpointslices",
        ["AuthorizationPolicy"] = "/apis/security.istio.io/v1/namespaces/{0}/authorizationpolicies",
        ["ServiceEntry"] = "/apis/networking.istio.io/v1/namespaces/{0}/serviceentries",
        ["WorkloadEntry"] = "/apis/networking.istio.io/v1/namespaces/{0}/workloadentries",
        ["GatewayClass"] = "/apis/gateway.networking.k8s.io/v1/gatewayclasses",
        ["Gateway"] = "/apis/gateway.networking.k8s.io/v1/namespaces/{0}/gateways",
        ["HTTPRoute"] = "/apis/gateway.networking.k8s.io/v1/namespaces/{0}/httproutes",
        ["GRPCRoute"] = "/apis/gateway.networking.k8s.io/v1/namespaces/{0}/grpcroutes",
        ["PeerAuthentication"] = "/apis/security.istio.io/v1/namespaces/{0}/peerauthentications",
    };

    private readonly ApiServer.ApiServer _server;
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("ambient-cp-");

    private ApiUnderTest(ApiServer.ApiServer server)
    {
        _server = server;
        KubeConfigPath = Path.Combine(_folder.FullName, "kubeconfig");
        File.WriteAllText(KubeConfigPath, server.AdminKubeconfig());
        Client = new KubernetesClient(KubeConfig.Load(KubeConfigPath));
    }

    public string KubeConfigPath { get; }

    public KubernetesClient Client { get; }

    /// <param name="controllers">Off: pods may name owners that are not there.</param>
    public static async Task<ApiUnderTest> StartAsync(bool controllers = true)
    {
        var api = new ApiUnderTest(await ApiServer.ApiServer.StartAsync(new ApiServerOptions { Controllers = controllers }));
        await api.PutAsync("apiVersion: v1\nkind: Namespace\nmetadata: {name: istio-system}");
        foreach (var node in Cluster.Nodes)
        {
            await api.Client.CreateAsync(ResourceKinds.Nodes, node);
        }

        return api;
    }

    public async Task PutAsync(string yaml)
    {
        foreach (var resource in Manifest.Read(yaml))
        {
            await PutAsync(resource);
        }
    }

    /// <summary>Creates or replaces. The control plane writes statuses meanwhile, so a replacement may have to be made again, as by any client.</summary>
    public async Task PutAsync(JsonObject resource)
    {
        await AccountForAsync(resource);
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                await PutOnceAsync(resource);
                return;
            }
            catch (KubernetesException conflict) when (conflict.IsConflict && attempt < 10)
            {
                await Task.Delay(5);
            }
        }
    }

    private async Task PutOnceAsync(JsonObject resource)
    {
        var path = PathOf(resource);
        var current = await FindAsync(path);
        if (current is null)
        {
            current = await Client.SendJsonAsync(HttpMethod.Post, path[..path.LastIndexOf('/')], resource.DeepClone());
        }
        else
        {
            Take(resource, current, resource.Kind() == "Pod" ? ["labels", "annotations"] : ["labels", "annotations", "spec", "endpoints"]);
            current = await Client.SendJsonAsync(HttpMethod.Put, path, current);
        }

        if (resource["status"] is { } status)
        {
            current["status"] = status.DeepClone();
            await Client.SendJsonAsync(HttpMethod.Put, path + "/status", current);
        }
    }

    public Task DeleteAsync(JsonObject resource) => Client.DeleteJsonAsync(PathOf(resource), new DeleteOptions(GracePeriodSeconds: 0));

    /// <summary>A token as a kubelet projects it into a pod.</summary>
    public async Task<string> TokenAsync(string ns, string account, string? pod = null, string audience = "istio-ca")
    {
        var bound = pod is null ? null : new ObjectReference
        {
            ApiVersion = "v1",
            Kind = "Pod",
            Name = pod,
            Uid = (await Client.GetAsync(ResourceKinds.Pods, ns, pod)).Metadata.Uid,
        };
        var token = await Client.CreateTokenAsync(ns, account, new TokenRequestSpec { Audiences = [audience], ExpirationSeconds = 3600, BoundObjectRef = bound });
        return token.Token!;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _server.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    /// <summary>A pod's service account has to exist before it.</summary>
    private async Task AccountForAsync(JsonObject resource)
    {
        var ns = (string?)resource["metadata"]!["namespace"];
        if (resource.Kind() == "Pod" && (string?)resource["spec"]?["serviceAccountName"] is { } account
            && await Client.FindAsync(ResourceKinds.ServiceAccounts, ns, account) is null)
        {
            await Client.CreateAsync(ResourceKinds.ServiceAccounts, new ServiceAccount { Metadata = new ObjectMeta { Namespace = ns, Name = account } });
        }
    }

    private static void Take(JsonObject from, JsonObject into, string[] fields)
    {
        foreach (var field in fields)
        {
            var (source, target) = field is "spec" or "endpoints" ? (from, into) : (from["metadata"]!.AsObject(), into["metadata"]!.AsObject());
            if (source[field] is not { } value)
            {
                target.Remove(field);
            }
            else if (field == "spec" && target[field] is JsonObject spec)
            {
                // What the server filled in stays.
                foreach (var (key, part) in value.AsObject())
                {
                    spec[key] = part?.DeepClone();
                }
            }
            else
            {
                target[field] = value.DeepClone();
            }
        }
    }

    private async Task<JsonObject?> FindAsync(string path)
    {
        try
        {
            return await Client.GetJsonAsync(path);
        }
        catch (KubernetesException error) when (error.IsNotFound)
        {
            return null;
        }
    }

    private static string PathOf(JsonObject resource) =>
        string.Format(Collections[resource.Kind()], (string?)resource["metadata"]!["namespace"]) + "/" + (string)resource["metadata"]!["name"]!;
}
