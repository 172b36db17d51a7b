using System.Net;
using Ambient.Api;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;
using Ambient.Mesh.Explanation;

namespace Ambient.Cli.Explain;

/// <summary>A mesh that runs: each proxy is asked itself, at its admin page <c>/explain</c>, which only loopback of its own pod reaches.</summary>
internal sealed class LiveMesh(KubernetesClient client) : IExplainedMesh
{
    private const string SystemNamespace = "istio-system";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public async Task<Place> FindAsync(string text, CancellationToken ct)
    {
        if (IPAddress.TryParse(text, out _))
        {
            var all = await client.ListAsync(ResourceKinds.Pods, null, null, ct);
            return PlaceOf(all.Items.FirstOrDefault(pod => pod.Status?.PodIP == text) ?? throw new CliException($"{text}: no pod of the cluster has this address."));
        }

        var name = PlaceName.Parse(text, client.Config.Namespace);
        var pods = (await client.ListAsync(ResourceKinds.Pods, name.Namespace, null, ct)).Items
            .Where(pod => pod.Status?.PodIP is not null && pod.Metadata.DeletionTimestamp is null).ToArray();
        return PlaceOf(pods
            .Select(pod => (Pod: pod, Rank: name.Rank(pod.Metadata.Namespace ?? "", pod.Metadata.Name, MakerOf(pod), pod.Spec?.ServiceAccountName ?? "")))
            .Where(candidate => candidate.Rank is not null)
            .OrderBy(candidate => candidate.Rank).ThenBy(candidate => candidate.Pod.Metadata.Name, StringComparer.Ordinal)
            .Select(candidate => candidate.Pod).FirstOrDefault()
            ?? throw new CliException($"{text}: namespace {name.Namespace} has no running pod, deployment or service account {name.Name}. It has: "
                + (pods.Length == 0 ? "no pods." : string.Join(", ", pods.Select(pod => pod.Metadata.Name)) + ".")));
    }

    public async Task<IPEndPoint> ResolveAsync(DestinationName destination, Place source, CancellationToken ct)
    {
        if (IPAddress.TryParse(destination.Host, out var address))
        {
            return new IPEndPoint(address, destination.Port);
        }

        if (destination.Host.Contains('/'))
        {
            return new IPEndPoint((await FindAsync(destination.Host, ct)).Address, destination.Port);
        }

        foreach (var hostname in destination.Hostnames(source.Namespace))
        {
            // NAME.NAMESPACE.svc.DOMAIN; other host names are those of ServiceEntries, whose addresses their clients resolve themselves.
            if (hostname.Split('.') is [var name, var ns, "svc", ..] && await client.FindAsync(ResourceKinds.Services, ns, name, ct) is { } service)
            {
                return IPAddress.TryParse(service.Spec?.ClusterIP, out var virtualAddress)
                    ? new IPEndPoint(virtualAddress, destination.Port)
                    : throw new CliException($"{destination.Text}: service {ns}/{name} has no address of its own. Name one of its pods: NAMESPACE/POD:PORT.");
            }
        }

        throw new CliException($"{destination.Text}: {source.Namespace}/{source.Name} knows no service {destination.Host}. List them: kubectl get services -A. For a name outside the cluster give its address.");
    }

    public async Task<HopAnswer> AskAsync(HopQuestion question, string node, CancellationToken ct)
    {
        var proxy = question.Hop == Hop.Request ? WaypointOf(question) : await NodeProxyAsync(node, ct);
        using var http = new HttpClient(new SocketsHttpHandler
        {
            UseProxy = false,
            ConnectCallback = async (_, token) => await client.ConnectAsync(proxy.Namespace, proxy.Name, Ports.Admin, token),
        }) { Timeout = Patience };
        var answer = await GetAsync(http, question, proxy, ct);
        try
        {
            return HopAnswer.FromJson(answer);
        }
        catch (System.Text.Json.JsonException e)
        {
            throw new CliException($"Proxy {proxy.Namespace}/{proxy.Name} gave an answer that this version cannot read: {e.Message}", e);
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static async Task<byte[]> GetAsync(HttpClient http, HopQuestion question, (string Namespace, string Name) proxy, CancellationToken ct)
    {
        try
        {
            using var response = await http.GetAsync(new Uri($"http://localhost:{Ports.Admin}/explain?{question.ToQuery()}"), ct);
            var body = await response.Content.ReadAsByteArrayAsync(ct);
            return response.StatusCode switch
            {
                HttpStatusCode.OK => body,
                HttpStatusCode.NotFound => throw new CliException($"Proxy {proxy.Namespace}/{proxy.Name} has no page /explain: it is Istio's own, or older than this. Explain manifests instead: -f FILE."),
                var status => throw new CliException($"Proxy {proxy.Namespace}/{proxy.Name} cannot say ({(int)status}): {System.Text.Encoding.UTF8.GetString(body).Trim()}"),
            };
        }
        catch (Exception e) when (e is HttpRequestException || (e is TaskCanceledException && !ct.IsCancellationRequested))
        {
            throw new CliException($"Proxy {proxy.Namespace}/{proxy.Name} does not answer at its admin port {Ports.Admin}: {e.InnerException?.Message ?? e.Message}", e);
        }
    }

    private async Task<(string Namespace, string Name)> NodeProxyAsync(string node, CancellationToken ct)
    {
        var proxies = (await client.ListAsync(ResourceKinds.Pods, SystemNamespace, new ListOptions { LabelSelector = "app=ztunnel" }, ct)).Items;
        return proxies.FirstOrDefault(pod => pod.Spec?.NodeName == node && pod.Metadata.DeletionTimestamp is null) is { } proxy
            ? (SystemNamespace, proxy.Metadata.Name)
            : throw new CliException($"No ztunnel runs on node {node}. See: kubectl get pods -n {SystemNamespace} -l app=ztunnel -o wide");
    }

    /// <summary>The pod behind a workload's uid, <c>CLUSTER//Pod/NAMESPACE/NAME</c>.</summary>
    private static (string Namespace, string Name) WaypointOf(HopQuestion question) => question.Server?.Split('/') is [_, "", "Pod", var ns, var name]
        ? (ns, name)
        : throw new CliException($"The waypoint {question.Server} is no pod of this cluster: it cannot be asked.");

    /// <summary>The deployment of a pod: its replica set without the hash; or whatever else made it.</summary>
    private static string MakerOf(Pod pod)
    {
        var owner = pod.Metadata.OwnerReferences?.FirstOrDefault(reference => reference.Controller == true)?.Name ?? "";
        var hash = pod.Metadata.Label(Labels.PodTemplateHash);
        return hash is not null && owner.EndsWith("-" + hash, StringComparison.Ordinal) ? owner[..^(hash.Length + 1)] : owner;
    }

    private static Place PlaceOf(Pod pod) => IPAddress.TryParse(pod.Status?.PodIP, out var address)
        ? new Place(pod.Metadata.Namespace ?? "", pod.Metadata.Name, pod.Spec?.NodeName ?? "", address)
        : throw new CliException($"Pod {pod.Metadata.Namespace}/{pod.Metadata.Name} has no address yet.");
}
