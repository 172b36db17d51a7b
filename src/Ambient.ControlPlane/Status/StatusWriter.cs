using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;
using Microsoft.Extensions.Logging;

namespace Ambient.ControlPlane.Status;

/// <summary>What is to be written into an object's status.</summary>
/// <param name="Source">The object as it was read.</param>
/// <param name="Status">The fields.</param>
/// <param name="IsApplied">
/// Whether it is a server-side apply, which leaves other managers' fields alone. Where a list cannot be shared (it is atomic), the
/// whole list is patched instead, on condition that nobody wrote meanwhile.
/// </param>
internal sealed record StatusPatch(IResource Source, JsonObject Status, bool IsApplied = true);

/// <summary>Keeps a part of the status of a kind's objects.</summary>
/// <param name="client">Where to.</param>
/// <param name="kind">Of the objects.</param>
/// <param name="fieldManager">Whose fields they are.</param>
/// <param name="keys">All objects, to begin with.</param>
/// <param name="due">What an object lacks, by its key; null where it is right, or gone.</param>
/// <param name="logger">Hears of failures.</param>
/// <param name="time">The clock.</param>
internal sealed class StatusWriter<T>(
    KubernetesClient client,
    ResourceKind<T> kind,
    string fieldManager,
    Func<IEnumerable<string>> keys,
    Func<string, DateTimeOffset, StatusPatch?> due,
    ILogger logger,
    TimeProvider time)
    where T : class, IResource
{
    private const int Workers = 2;

    private readonly WorkQueue<string> _queue = new($"status of {kind.Plural}", logger: logger, time: time);

    /// <summary>Looks at an object again.</summary>
    public void Refresh(string key) => _queue.Add(key);

    /// <summary>Writes until cancelled; only the leader does.</summary>
    public async Task WriteAsync(CancellationToken cancellation)
    {
        foreach (var key in keys())
        {
            _queue.Add(key);
        }

        await _queue.RunAsync(WriteAsync, Workers, cancellation);
    }

    private async Task WriteAsync(string key, CancellationToken cancellation)
    {
        if (due(key, time.GetUtcNow()) is not { } patch)
        {
            return;
        }

        var (ns, name) = (patch.Source.Metadata.Namespace, patch.Source.Metadata.Name);
        var metadata = new JsonObject { ["name"] = name };
        if (ns is not null)
        {
            metadata["namespace"] = ns;
        }

        var body = new JsonObject
        {
            ["apiVersion"] = kind.Group.Length == 0 ? kind.Version : $"{kind.Group}/{kind.Version}",
            ["kind"] = patch.Source.Kind,
            ["metadata"] = metadata,
            ["status"] = patch.Status,
        };
        if (!patch.IsApplied)
        {
            metadata["resourceVersion"] = patch.Source.Metadata.ResourceVersion;
        }

        try
        {
            await client.PatchAsync(
                kind, ns, name, body, patch.IsApplied ? PatchType.Apply : PatchType.Merge,
                new PatchOptions("status", fieldManager, Force: patch.IsApplied), cancellation);
        }
        catch (KubernetesException error) when (error.IsNotFound || error.IsConflict)
        {
            // It went away meanwhile, or changed; its new version comes by here.
        }
    }
}
