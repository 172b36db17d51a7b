using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;
using Ambient.Sandbox.Echo;
using Ambient.Sandbox.Network;
using Ambient.Sandbox.Processes;

namespace Ambient.Sandbox.Demo;

/// <summary>An actor of the demo: a pod, where it runs and what its address is.</summary>
internal sealed record Actor(string Namespace, string Name, string Node, string Address)
{
    public override string ToString() => $"{Namespace}/{Name} on {Node}";
}

/// <summary>The sample application in a running sandbox: its pods, calls between them, and what the proxies wrote down.</summary>
internal sealed class DemoScene(SandboxConnection sandbox)
{
    /// <summary>On which node each part runs, so that the calls of the demo cross the link between nodes.</summary>
    private static readonly Dictionary<string, string> Placement = new()
    {
        ["web"] = "node-1", ["catalog"] = "node-2", ["ledger"] = "node-1", ["stranger"] = "node-2", ["reviews-v1"] = "node-2", ["reviews-v2"] = "node-1",
    };

    /// <summary>For the mesh to hear of what is ready: the control plane gathers changes for 0.3 s at most; the rest is for a slow machine.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private readonly AddressPlan _plan = new(sandbox.Slot);

    public Actor Web { get; private set; } = new("", "", "", "");
    public Actor Catalog { get; private set; } = new("", "", "", "");
    public Actor Ledger { get; private set; } = new("", "", "", "");
    public Actor Stranger { get; private set; } = new("", "", "", "");

    /// <summary>Manifests of the sample, each deployment bound to its node.</summary>
    public static IReadOnlyList<JsonObject> Manifests(params string[] files)
    {
        var manifests = new List<JsonObject>();
        foreach (var name in files)
        {
            using var stream = typeof(DemoScene).Assembly.GetManifestResourceStream("Ambient.Sandbox.Samples." + name)!;
            using var reader = new StreamReader(stream);
            manifests.AddRange(Kubernetes.Manifests.Parse(reader.ReadToEnd(), name));
        }

        foreach (var deployment in manifests.Where(manifest => (string?)manifest["kind"] == "Deployment"))
        {
            deployment["spec"]!["template"]!["spec"]!["nodeSelector"] =
                new JsonObject { ["kubernetes.io/hostname"] = Placement[(string)deployment["metadata"]!["name"]!] };
        }

        return manifests;
    }

    /// <summary>Deploys the sample and waits until it is ready and, where it is in the mesh, captured, and every ztunnel knows of it.</summary>
    /// <exception cref="SandboxException">It does not come about; says what is missing.</exception>
    public async Task DeployAsync(CancellationToken ct)
    {
        await sandbox.ApplyAsync(Manifests("shop.yaml", "stranger.yaml"), TimeSpan.FromSeconds(45), ct);
        await LookAsync(ct);
        foreach (var ztunnel in await ZtunnelsAsync(ct))
        {
            await KnownAsync(ztunnel, [Web, Catalog, Ledger, Stranger], ct);
        }
    }

    /// <summary>Looks up the pods of the sample as they are now.</summary>
    public async Task LookAsync(CancellationToken ct)
    {
        Web = await FindAsync("shop", "web", ct);
        Catalog = await FindAsync("shop", "catalog", ct);
        Ledger = await FindAsync("bank", "ledger", ct);
        Stranger = await FindAsync("outside", "stranger", ct);
    }

    /// <summary>Whether an address is one of a pod of this sandbox.</summary>
    public bool IsPod(IPAddress address)
    {
        var bytes = address.GetAddressBytes();
        return bytes.Length == 4
            ? bytes[0] == 10 && bytes[1] == _plan.Slot && bytes[2] is > 0 and < 240
            : Enumerable.Range(1, sandbox.Nodes).Any(node => IPNetwork.Parse(_plan.Node(node).PodRange6).Contains(address));
    }

    /// <summary>Calls a URL from inside a pod, with a body; a new connection each time.</summary>
    public Task<CommandResult> CallAsync(Actor from, string url, string body, CancellationToken ct) =>
        CallAsync(sandbox, from.Namespace, from.Name, url, body, ct);

    /// <summary>Calls a URL from inside any pod.</summary>
    public static Task<CommandResult> CallAsync(SandboxConnection sandbox, string ns, string pod, string url, string body, CancellationToken ct) =>
        PodExec.CaptureAsync(
            sandbox.Id, sandbox.Client, ns, pod,
            ["curl", "--silent", "--show-error", "--fail", "--max-time", "10", "--noproxy", "*", "--data-binary", body, url], ct);

    /// <summary>The answer of the echo server; null if it is none.</summary>
    public static EchoAnswer? Answer(CommandResult result)
    {
        try
        {
            return System.Text.Json.JsonSerializer.Deserialize(result.Output, EchoJson.Default.EchoAnswer);
        }
        catch (System.Text.Json.JsonException)
        {
            return null;
        }
    }

    /// <summary>What the ztunnels of all nodes wrote about finished connections.</summary>
    public async Task<IReadOnlyList<AccessLine>> AccessLinesAsync(CancellationToken ct)
    {
        var lines = new List<AccessLine>();
        foreach (var pod in await ZtunnelsAsync(ct))
        {
            var file = Path.Combine(sandbox.LogFolder, $"istio-system_{pod.Metadata.Name}_istio-proxy.log");
            if (File.Exists(file))
            {
                lines.AddRange(AccessLines.Read(pod.Spec?.NodeName ?? "", await File.ReadAllLinesAsync(file, ct)));
            }
        }

        return lines;
    }

    /// <summary>Waits until the ztunnels' access logs hold a line, at most five seconds: they are written when a connection ends.</summary>
    public Task<AccessLine?> WaitForLineAsync(Func<AccessLine, bool> wanted, CancellationToken ct) => WaitForLineAsync(AccessLinesAsync, wanted, ct);

    /// <summary>Waits until some access logs hold a line, at most five seconds.</summary>
    public static async Task<AccessLine?> WaitForLineAsync(
        Func<CancellationToken, Task<IReadOnlyList<AccessLine>>> read, Func<AccessLine, bool> wanted, CancellationToken ct)
    {
        for (var attempt = 0; attempt < 50; attempt++)
        {
            if ((await read(ct)).LastOrDefault(wanted) is { } line)
            {
                return line;
            }

            await Task.Delay(100, ct);
        }

        return null;
    }

    /// <summary>The metrics page of a node's ztunnel.</summary>
    public async Task<string> MetricsAsync(int node, CancellationToken ct)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(5) };
        return await http.GetStringAsync(new Uri($"http://{_plan.Node(node).Address4}:{Api.Ports.Metrics}/metrics"), ct);
    }

    /// <summary>A page that a pod serves on its own loopback.</summary>
    public static async Task<string> PageAsync(SandboxConnection sandbox, string ns, string pod, int port, string path, CancellationToken ct)
    {
        using var http = new HttpClient(new SocketsHttpHandler
        {
            UseProxy = false,
            ConnectCallback = async (_, token) => await sandbox.Client.ConnectAsync(ns, pod, port, token),
        }) { Timeout = TimeSpan.FromSeconds(5) };
        return await http.GetStringAsync(new Uri($"http://localhost:{port}{path}"), ct);
    }

    private async Task<IReadOnlyList<Pod>> ZtunnelsAsync(CancellationToken ct) =>
        (await sandbox.Client.ListAsync(ResourceKinds.Pods, "istio-system", new ListOptions { LabelSelector = "app=ztunnel" }, ct)).Items;

    /// <summary>Waits until a ztunnel would send connections to these pods.</summary>
    private async Task KnownAsync(Pod ztunnel, IReadOnlyList<Actor> pods, CancellationToken ct)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            var dump = JsonNode.Parse(await PageAsync(sandbox, "istio-system", ztunnel.Metadata.Name, Api.Ports.Admin, "/config_dump", ct))!;
            var healthy = dump["workloads"]!.AsArray().Where(workload => (string?)workload!["status"] == "Healthy")
                .Select(workload => ((string?)workload!["namespace"], (string?)workload["name"])).ToHashSet();
            var unknown = pods.Where(pod => !healthy.Contains((pod.Namespace, pod.Name))).ToArray();
            if (unknown.Length == 0)
            {
                return;
            }

            if (Stopwatch.GetElapsedTime(started) > Patience)
            {
                throw new SandboxException(
                    $"{ztunnel.Metadata.Name} does not know after {Patience.TotalSeconds:0} s that these are ready: {string.Join(", ", unknown.AsEnumerable())}. Logs are in {sandbox.LogFolder}.");
            }

            await Task.Delay(50, ct);
        }
    }

    private async Task<Actor> FindAsync(string ns, string app, CancellationToken ct)
    {
        var pods = (await sandbox.Client.ListAsync(ResourceKinds.Pods, ns, new ListOptions { LabelSelector = $"app={app}" }, ct)).Items;
        var pod = pods.FirstOrDefault(candidate => candidate.Metadata.DeletionTimestamp is null)
            ?? throw new SandboxException($"The sample's pod {ns}/{app} does not exist.");
        return new Actor(ns, pod.Metadata.Name, pod.Spec?.NodeName ?? "", pod.Status?.PodIP ?? "");
    }
}
