using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;
using Ambient.Sandbox.Cni;
using Ambient.Sandbox.Images;
using Microsoft.Extensions.Logging;

namespace Ambient.Sandbox.Kubelet;

/// <summary>A node's kubelet: registers the node, then runs whatever pods are bound to it.</summary>
internal sealed class NodeKubelet(NodeContext node, KubernetesClient client, ImageTable images, ILogger logger, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, (PodWorker Worker, Task Running)> _workers = new(StringComparer.Ordinal);

    /// <summary>Runs until cancelled; pods' processes are killed then, and what else they have goes with the sandbox.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        Directory.CreateDirectory(node.LogFolder);
        Directory.CreateDirectory(node.RunFolder);
        await using var prober = new Prober(node);
        var chain = new CniChain(node.CniConfiguration, node.CniPlugins, node.NetworkNamespace);
        var services = new NodeServices(node, client, images, chain, prober, logger, time);
        await RegisterAsync(ct);
        var informer = new Informer<Pod>(client, ResourceKinds.Pods, new InformerOptions { FieldSelector = $"spec.nodeName={node.Name}" }, logger, time);
        informer.Subscribe(change => Take(change, services));
        try
        {
            await informer.RunAsync(ct);
        }
        finally
        {
            foreach (var (worker, _) in _workers.Values)
            {
                worker.Abandon();
            }

            await Task.WhenAll(_workers.Values.Select(entry => entry.Running));
        }
    }

    private void Take(ResourceEvent<Pod> change, NodeServices services)
    {
        var pod = change.Object;
        var uid = pod.Metadata.Uid ?? "";
        if (_workers.TryGetValue(uid, out var known))
        {
            if (change.Type == ResourceEventType.Deleted)
            {
                known.Worker.End();
            }
            else
            {
                known.Worker.Update(pod);
            }

            return;
        }

        if (change.Type != ResourceEventType.Deleted && pod.Status?.Phase is not ("Succeeded" or "Failed"))
        {
            var worker = new PodWorker(pod, services);
            if (pod.Metadata.DeletionTimestamp is not null)
            {
                worker.End();
            }

            _workers[uid] = (worker, RunAsync(uid, worker));
        }
    }

    private async Task RunAsync(string uid, PodWorker worker)
    {
        await Task.Yield(); // the informer's handler must not wait
        using (worker)
        {
            try
            {
                await worker.RunAsync();
            }
            catch (Exception e)
            {
                Log.Retrying(logger, $"a pod of {node.Name}", e.ToString());
            }
        }

        _workers.TryRemove(uid, out _);
    }

    private async Task RegisterAsync(CancellationToken ct)
    {
        var body = new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Node",
            ["metadata"] = new JsonObject
            {
                ["name"] = node.Name,
                ["labels"] = new JsonObject
                {
                    ["kubernetes.io/hostname"] = node.Name,
                    ["kubernetes.io/os"] = "linux",
                    ["kubernetes.io/arch"] = System.Runtime.InteropServices.RuntimeInformation.OSArchitecture == System.Runtime.InteropServices.Architecture.Arm64 ? "arm64" : "amd64",
                },
            },
            ["spec"] = new JsonObject
            {
                ["podCIDR"] = node.Addresses.PodRange4,
                ["podCIDRs"] = new JsonArray(node.Addresses.PodRange4, node.Addresses.PodRange6),
            },
        };
        await client.PatchJsonAsync(ResourceKinds.Nodes.Path(null, node.Name), body, PatchType.Apply, new PatchOptions(FieldManager: "kubelet", Force: true), ct);
        var now = time.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ssZ");
        var status = new JsonObject
        {
            ["status"] = new JsonObject
            {
                ["addresses"] = new JsonArray(
                    new JsonObject { ["type"] = "InternalIP", ["address"] = node.Address },
                    new JsonObject { ["type"] = "InternalIP", ["address"] = node.Addresses.Address6.ToString() },
                    new JsonObject { ["type"] = "Hostname", ["address"] = node.Name }),
                ["conditions"] = new JsonArray(new JsonObject
                {
                    ["type"] = "Ready",
                    ["status"] = "True",
                    ["reason"] = "KubeletReady",
                    ["message"] = "the sandbox's kubelet runs pods",
                    ["lastHeartbeatTime"] = now,
                    ["lastTransitionTime"] = now,
                }),
                ["nodeInfo"] = new JsonObject
                {
                    ["kubeletVersion"] = "v1.34.0+ambient",
                    ["osImage"] = "Ambient sandbox",
                    ["operatingSystem"] = "linux",
                    ["kernelVersion"] = Environment.OSVersion.Version.ToString(),
                    ["containerRuntimeVersion"] = "ambient://0.1.0",
                },
            },
        };
        await client.PatchJsonAsync(ResourceKinds.Nodes.Path(null, node.Name), status, PatchType.Merge, new PatchOptions("status"), ct);
    }
}
