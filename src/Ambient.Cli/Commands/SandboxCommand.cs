using System.CommandLine;
using Ambient.Kubernetes;
using Ambient.Sandbox;
using Ambient.Sandbox.Runs;

namespace Ambient.Cli.Commands;

/// <summary><c>ambientctl sandbox</c>: a whole mesh on this machine.</summary>
internal static class SandboxCommand
{
    public static Command Build() => new("sandbox", "Run a whole mesh on this machine: nodes and pods are network namespaces, containers are processes.")
    {
        SandboxUpCommand.Build(),
        SandboxDemoCommand.Build(),
        BuildExec(),
        BuildKubeConfig(),
        BuildStatus(),
        BuildLogs(),
        BuildDown(),
    };

    /// <summary>The option that chooses one of several sandboxes.</summary>
    public static Option<string?> NameOption(string description = "The sandbox's name; needed only when several are running.") => new("--name") { Description = description, HelpName = "NAME" };

    private static Command BuildExec()
    {
        var name = NameOption();
        var pod = new Argument<string>("POD") { Description = "The pod." };
        var ns = new Option<string>("--namespace", "-n") { Description = "The pod's namespace.", DefaultValueFactory = _ => "default", HelpName = "NAMESPACE" };
        var container = new Option<string?>("--container", "-c") { Description = "The container; the first if not given.", HelpName = "CONTAINER" };
        var words = new Argument<string[]>("COMMAND") { Description = "The command and its arguments, after --.", Arity = ArgumentArity.OneOrMore };
        var command = new Command("exec", "Run a command in a pod: ambientctl sandbox exec POD -n NAMESPACE -- curl http://catalog.shop/") { pod, words, ns, container, name };
        command.SetAction((parsed, ct) => Guard.RunAsync(async () =>
        {
            var run = SandboxRuns.Select(parsed.GetValue(name));
            using var client = new KubernetesClient(KubeConfig.Load(SandboxRuns.KubeConfigOf(run)));
            return await PodExec.RunAsync(
                run.Id, client, parsed.GetValue(ns)!, parsed.GetValue(pod)!, parsed.GetValue(container), parsed.GetValue(words)!, ct);
        }));
        return command;
    }

    private static Command BuildKubeConfig()
    {
        var name = NameOption();
        var command = new Command("kubeconfig", "Print the path of the kubeconfig: kubectl --kubeconfig \"$(ambientctl sandbox kubeconfig)\" get pods -A") { name };
        command.SetAction((parsed, _) => Guard.RunAsync(() =>
        {
            Console.WriteLine(SandboxRuns.KubeConfigOf(SandboxRuns.Select(parsed.GetValue(name))));
            return Task.FromResult(0);
        }));
        return command;
    }

    private static Command BuildStatus()
    {
        var name = NameOption();
        var command = new Command("status", "List the running sandboxes, and the pods of one.") { name };
        command.SetAction((parsed, ct) => Guard.RunAsync(async () =>
        {
            var running = SandboxRuns.Running();
            foreach (var run in running)
            {
                Console.WriteLine($"sandbox {run.Id}: {run.Nodes} nodes, pods in 10.{run.Slot}.0.0/16, process {run.ProcessId}, {(run.Ready ? "ready" : "starting")}, API server {run.ApiServer}");
            }

            await SandboxStatus.PrintAsync(SandboxRuns.Select(parsed.GetValue(name)), ct);
            return 0;
        }));
        return command;
    }

    private static Command BuildLogs()
    {
        var name = NameOption();
        var component = new Argument<string>("COMPONENT") { Description = "istiod, ztunnel, cni, sandbox, or (the beginning of) a pod's name." };
        var follow = new Option<bool>("--follow", "-f") { Description = "Go on printing what is added." };
        var command = new Command("logs", "Print the logs of a component on all nodes.") { component, follow, name };
        command.SetAction((parsed, ct) => Guard.RunAsync(async () =>
        {
            await SandboxLogs.PrintAsync(SandboxRuns.Select(parsed.GetValue(name)), parsed.GetValue(component)!, parsed.GetValue(follow), ct);
            return 0;
        }));
        return command;
    }

    private static Command BuildDown()
    {
        var name = NameOption();
        var command = new Command("down", "End a sandbox and take away everything of it, also what a dead one left behind.") { name };
        command.SetAction((parsed, ct) => Guard.RunAsync(async () =>
        {
            var ended = await SandboxRuns.DownAsync(parsed.GetValue(name), ct);
            Console.WriteLine($"down: {string.Join(", ", ended)}");
            return 0;
        }));
        return command;
    }
}
