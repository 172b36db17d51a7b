using System.Text.Json;
using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Derivation;
using Ambient.Kubernetes;
using Microsoft.Extensions.Logging;

namespace Ambient.ControlPlane.Entries;

/// <summary>Keeps the allocated addresses in ServiceEntries' status; one worker, for an address must not be given twice.</summary>
internal sealed class AddressAllocator
{
    private const string FieldManager = "istio-ip-autoallocate";

    private readonly KubernetesClient _client;
    private readonly Informer<ServiceEntry> _entries;
    private readonly WorkQueue<string> _queue;

    public AddressAllocator(KubernetesClient client, Informer<ServiceEntry> entries, ILogger logger)
    {
        _client = client;
        _entries = entries;
        _queue = new WorkQueue<string>("addresses", logger: logger);
        entries.Subscribe(_ => _queue.Add(FieldManager));
    }

    /// <summary>Writes until cancelled; only the leader does.</summary>
    public async Task WriteAsync(CancellationToken cancellation)
    {
        await _entries.SyncedAsync.WaitAsync(cancellation);
        _queue.Add(FieldManager);
        await _queue.RunAsync((_, stop) => AllocateAsync(stop), 1, cancellation);
    }

    private async Task AllocateAsync(CancellationToken cancellation)
    {
        var entries = _entries.List().ToDictionary(ResourceKey.Of);
        foreach (var (key, addresses) in EntryAddresses.Due(entries.Values))
        {
            var entry = entries[key];
            var body = new JsonObject
            {
                // On condition that nobody wrote meanwhile: what was worked out holds for this version alone.
                ["metadata"] = new JsonObject { ["resourceVersion"] = entry.Metadata.ResourceVersion },
                ["status"] = new JsonObject
                {
                    ["addresses"] = JsonSerializer.SerializeToNode(new ServiceEntryStatus { Addresses = addresses }, ResourceJson.Default.ServiceEntryStatus)!["addresses"]!.DeepClone(),
                },
            };
            try
            {
                await _client.PatchAsync(
                    ResourceKinds.ServiceEntries, entry.Metadata.Namespace, entry.Metadata.Name, body, PatchType.Merge, new PatchOptions("status", FieldManager), cancellation);
            }
            catch (KubernetesException error) when (error.IsNotFound || error.IsConflict)
            {
                // It went away meanwhile, or changed; its new version comes by here.
            }
        }
    }
}
