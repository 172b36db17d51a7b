using System.Diagnostics;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;
using Ambient.Sandbox.Images;
using Ambient.Sandbox.Processes;

namespace Ambient.Sandbox.Demo;

/// <summary>The part of the sample that stands behind a waypoint: requests to it, and what the waypoint wrote down.</summary>
internal sealed class WaypointScene(SandboxConnection sandbox, DemoScene scene)
{
    /// <summary>The service, as web calls it.</summary>
    public const string Url = "http://reviews.press";

    private const string Namespace = "press";
    private const string Name = "guard";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(45);

    /// <summary>The waypoint's pod.</summary>
    public Actor Waypoint { get; private set; } = new("", "", "", "");

    /// <summary>Starts it: the waypoint and both versions come up while other things happen.</summary>
    public Task BeginAsync(CancellationToken ct) =>
        new ManifestApply(sandbox.Client, "sandbox").ApplyAsync(DemoScene.Manifests("reviews.yaml"), null, ct);

    /// <summary>Waits until requests get through, and says how many did meanwhile.</summary>
    /// <exception cref="SandboxException">They do not; says what is missing.</exception>
    public async Task<int> ReadyAsync(CancellationToken ct)
    {
        var started = Stopwatch.GetTimestamp();
        await sandbox.ReadyAsync(Namespace, Patience, ct);
        while (true)
        {
            var gateway = await sandbox.Client.GetAsync(ResourceKinds.Gateways, Namespace, Name, ct);
            var programmed = gateway.Status?.Conditions?.FirstOrDefault(condition => condition.Type == "Programmed");
            var last = "";
            if (programmed is { Status: "True" })
            {
                var pods = (await sandbox.Client.ListAsync(
                    ResourceKinds.Pods, Namespace, new ListOptions { LabelSelector = $"{Api.Labels.GatewayName}={Name}" }, ct)).Items;
                Waypoint = new Actor(Namespace, pods[0].Metadata.Name, pods[0].Spec?.NodeName ?? "", pods[0].Status?.PodIP ?? "");
                var answer = await CurlAsync(["--fail", Url + "/"], ct);
                if (answer.ExitCode == 0)
                {
                    return 1;
                }

                last = Command.Said(answer);
            }

            if (Stopwatch.GetElapsedTime(started) > Patience)
            {
                throw new SandboxException(
                    $"Waypoint {Namespace}/{Name} carries no requests after {Patience.TotalSeconds:0} s: {programmed?.Reason} {programmed?.Message} {last}. Logs are in {sandbox.LogFolder}.");
            }

            await Task.Delay(100, ct);
        }
    }

    /// <summary>curl in web's pod.</summary>
    public Task<CommandResult> CurlAsync(string[] arguments, CancellationToken ct) => PodExec.CaptureAsync(
        sandbox.Id, sandbox.Client, scene.Web.Namespace, scene.Web.Name,
        ["curl", "--silent", "--show-error", "--max-time", "20", "--noproxy", "*", .. arguments], ct);

    /// <summary>A line of the waypoint's access log; waits for it.</summary>
    public Task<AccessLine?> WaitForLineAsync(Func<AccessLine, bool> wanted, CancellationToken ct) => DemoScene.WaitForLineAsync(ReadAsync, wanted, ct);

    /// <summary>The waypoint's metrics.</summary>
    public Task<string> MetricsAsync(CancellationToken ct) =>
        DemoScene.PageAsync(sandbox, Waypoint.Namespace, Waypoint.Name, Api.Ports.Metrics, "/metrics", ct);

    /// <summary>What <c>ambientctl explain</c> says of a request of web's.</summary>
    public Task<CommandResult> ExplainAsync(string method, string path, CancellationToken ct) => Command.TryRunAsync(
        Programs.Cli,
        ["explain", $"{scene.Web.Namespace}/{scene.Web.Name}", "reviews.press:80", method, path, "--kubeconfig", sandbox.KubeConfigPath],
        ct: ct);

    private async Task<IReadOnlyList<AccessLine>> ReadAsync(CancellationToken ct)
    {
        var file = Path.Combine(sandbox.LogFolder, $"{Waypoint.Namespace}_{Waypoint.Name}_istio-proxy.log");
        return File.Exists(file) ? AccessLines.Read(Waypoint.Node, await File.ReadAllLinesAsync(file, ct)) : [];
    }
}
