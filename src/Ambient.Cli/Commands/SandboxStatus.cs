using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;
using Ambient.Sandbox.Runs;

namespace Ambient.Cli.Commands;

/// <summary>Prints what runs in a sandbox.</summary>
internal static class SandboxStatus
{
    public static async Task PrintAsync(RunRecord run, CancellationToken ct)
    {
        using var client = new KubernetesClient(KubeConfig.Load(SandboxRuns.KubeConfigOf(run)));
        var pods = (await client.ListAsync(ResourceKinds.Pods, null, null, ct)).Items;
        foreach (var pod in pods.OrderBy(pod => pod.Metadata.Namespace, StringComparer.Ordinal).ThenBy(pod => pod.Metadata.Name, StringComparer.Ordinal))
        {
            var ready = (pod.Status?.Conditions ?? []).Any(condition => condition is { Type: "Ready", Status: "True" });
            var captured = pod.Metadata.Annotation(Api.Annotations.Redirection) is { } state ? $"mesh {state}" : "";
            Console.WriteLine($"  {pod.Spec?.NodeName,-8} {pod.Metadata.Namespace + "/" + pod.Metadata.Name,-44} {pod.Status?.PodIP,-15} {pod.Status?.Phase,-10} {(ready ? "ready" : "not ready"),-10} {captured}{pod.Status?.Message}");
        }
    }
}
