using System.Diagnostics;
using System.Text.Json.Nodes;
using Ambient.Kubernetes;
using Ambient.Sandbox.Runs;

namespace Ambient.Sandbox;

/// <summary>A running sandbox as its users see it, from the process that runs it or from another one.</summary>
public sealed class SandboxConnection : IDisposable
{
    internal SandboxConnection(RunRecord run)
    {
        Id = run.Id;
        Nodes = run.Nodes;
        Slot = run.Slot;
        KubeConfigPath = RunDirectory.KubeConfigOf(run.Id);
        Client = new KubernetesClient(KubeConfig.Load(KubeConfigPath));
    }

    /// <summary>The sandbox's name.</summary>
    public string Id { get; }

    /// <summary>How many nodes it has.</summary>
    public int Nodes { get; }

    /// <summary>The path of the administrator's kubeconfig.</summary>
    public string KubeConfigPath { get; }

    /// <summary>A client of the API server with all rights.</summary>
    public KubernetesClient Client { get; }

    /// <summary>Its addresses are <c>10.SLOT.0.0/16</c>.</summary>
    internal int Slot { get; }

    /// <summary>The folder of container logs.</summary>
    internal string LogFolder => Path.Combine(RunDirectory.PathOf(Id), "logs");

    /// <summary>Connects to a sandbox that runs in another process.</summary>
    /// <exception cref="SandboxException">There is none of that name, or the choice is not clear.</exception>
    public static SandboxConnection Open(string? name) => new(SandboxRuns.Select(name));

    /// <summary>Applies manifests and waits until the deployments and daemon sets of their namespaces are ready.</summary>
    /// <exception cref="SandboxException">The API server refused one, or they were not ready in time.</exception>
    public async Task ApplyAsync(IReadOnlyList<JsonObject> manifests, TimeSpan timeout, CancellationToken ct)
    {
        try
        {
            await new ManifestApply(Client, "sandbox").ApplyAsync(manifests, "default", ct);
        }
        catch (Exception e) when (e is KubernetesException or FormatException)
        {
            throw new SandboxException($"A manifest was refused: {e.Message}", e);
        }

        var namespaces = manifests.Select(manifest => (string?)manifest["metadata"]?["namespace"] ?? "default").Distinct();
        foreach (var ns in namespaces)
        {
            await ReadyAsync(ns, timeout, ct);
        }
    }

    /// <summary>Waits until all deployments and daemon sets of a namespace are ready.</summary>
    /// <exception cref="SandboxException">They were not in time; says which, and why as far as their pods tell.</exception>
    public async Task ReadyAsync(string ns, TimeSpan timeout, CancellationToken ct)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            var waiting = await Readiness.WaitingAsync(Client, ns, LogFolder, ct);
            if (waiting.Count == 0)
            {
                return;
            }

            if (Stopwatch.GetElapsedTime(started) > timeout)
            {
                throw new SandboxException($"Not ready after {timeout.TotalSeconds:0} s in namespace {ns}: {string.Join("; ", waiting)}. Logs are in {LogFolder}.");
            }

            await Task.Delay(100, ct);
        }
    }

    /// <inheritdoc />
    public void Dispose() => Client.Dispose();
}
