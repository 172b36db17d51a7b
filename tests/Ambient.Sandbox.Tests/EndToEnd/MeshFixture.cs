using Ambient.Kubernetes;
using Ambient.Sandbox.Demo;
using Ambient.Sandbox.Processes;
using Ambient.Sandbox.Runs;

namespace Ambient.Sandbox.Tests.EndToEnd;

/// <summary>One sandbox with the mesh and the sample, shared by all tests of the collection; they run one after the other.</summary>
public sealed class MeshFixture : IAsyncLifetime
{
    private SandboxHost? _host;
    private Task<WaypointScene>? _waypoint;

    internal SandboxConnection Sandbox => _host!.Connection;

    internal DemoScene Scene { get; private set; } = null!;

    internal KubernetesClient Client => Sandbox.Client;

    public async Task InitializeAsync()
    {
        _host = await SandboxHost.StartAsync(new SandboxOptions(), _ => { }, TimeProvider.System, default);
        Scene = new DemoScene(Sandbox);
        await Scene.DeployAsync(default);
    }

    public async Task DisposeAsync()
    {
        if (_host is not null)
        {
            await _host.DisposeAsync();
            Assert.Empty(Leftovers.Find(_host.Id));
        }
    }

    /// <summary>A namespace behind a waypoint; deployed when the first test asks for it. The tests of the collection run one after the other.</summary>
    internal Task<WaypointScene> WaypointAsync() => _waypoint ??= WaypointScene.DeployAsync(this);

    /// <summary>Runs kubectl as the administrator.</summary>
    internal Task<CommandResult> KubectlAsync(string? input, params string[] arguments) =>
        Command.TryRunAsync("kubectl", ["--kubeconfig", Sandbox.KubeConfigPath, .. arguments], input,
            new Dictionary<string, string> { ["HOME"] = Path.GetTempPath() });

    /// <summary>Runs kubectl, which has to succeed, and returns what it printed.</summary>
    internal async Task<string> KubectlOkAsync(string? input, params string[] arguments)
    {
        var result = await KubectlAsync(input, arguments);
        Assert.True(result.ExitCode == 0, $"kubectl {string.Join(' ', arguments)}: {result.Error}");
        return result.Output;
    }

    /// <summary>Runs a script in a container as <c>sandbox exec</c> does; it has to succeed.</summary>
    internal async Task<string> ExecAsync(string ns, string pod, string? container, string script)
    {
        var start = await PodExec.DescribeAsync(Sandbox.Id, Client, ns, pod, container, ["sh", "-c", script], default);
        start.RedirectStandardOutput = true;
        using var process = System.Diagnostics.Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{script} in {ns}/{pod}: exit code {process.ExitCode}");
        return output;
    }

    /// <summary>The process of a mesh component on a node.</summary>
    internal async Task<int> ProcessOfAsync(string labels, string? node)
    {
        var pods = (await Client.ListAsync(Api.Kubernetes.ResourceKinds.Pods, "istio-system", new ListOptions { LabelSelector = labels })).Items;
        var pod = pods.First(candidate => node is null || candidate.Spec?.NodeName == node);
        return await PodExec.FindAsync(Sandbox.Id, Client, "istio-system", pod.Metadata.Name, null, default);
    }

    /// <summary>Kills a component with SIGKILL and waits until its kubelet has started it again.</summary>
    internal async Task KillAsync(string labels, string? node)
    {
        var old = await ProcessOfAsync(labels, node);
        await Command.RunAsync("/bin/sh", ["-c", $"kill -9 {old}"]);
        await Wait.ForAsync(async () =>
        {
            try
            {
                return await ProcessOfAsync(labels, node) != old;
            }
            catch (SandboxException)
            {
                return false; // between two lives
            }
        }, TimeSpan.FromSeconds(15), $"{labels} to be started again");
    }

    /// <summary>The network namespace of one of the sample's pods.</summary>
    internal async Task<string> NamespaceOfAsync(Actor actor)
    {
        var pod = await Client.GetAsync(Api.Kubernetes.ResourceKinds.Pods, actor.Namespace, actor.Name);
        return Names.NamespacePath(Names.Pod(Sandbox.Id, actor.Namespace, actor.Name, pod.Metadata.Uid!));
    }

    /// <summary>The address of a service.</summary>
    internal async Task<string> ServiceAsync(string ns, string name) =>
        (await Client.GetAsync(Api.Kubernetes.ResourceKinds.Services, ns, name)).Spec!.ClusterIP!;
}

/// <summary>Tests that share the mesh.</summary>
[CollectionDefinition(Name)]
public sealed class MeshCollection : ICollectionFixture<MeshFixture>
{
    public const string Name = "mesh";
}

/// <summary>Bounded waits.</summary>
internal static class Wait
{
    public static async Task<TimeSpan> ForAsync(Func<Task<bool>> condition, TimeSpan longest, string what)
    {
        var started = System.Diagnostics.Stopwatch.GetTimestamp();
        while (!await condition())
        {
            Assert.True(System.Diagnostics.Stopwatch.GetElapsedTime(started) < longest, $"Waited {longest.TotalSeconds} s for {what}.");
            await Task.Delay(50);
        }

        return System.Diagnostics.Stopwatch.GetElapsedTime(started);
    }
}
