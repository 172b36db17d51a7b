using System.Collections.Concurrent;
using System.Text.Json.Nodes;

namespace Ambient.Kubernetes;

/// <summary>
/// Brings manifests of any kind to the server by server-side apply: creates what is missing, changes what differs.
/// Kinds are found by discovery, so custom resources work as soon as their definition does. Safe for concurrent use.
/// </summary>
/// <param name="client">The client.</param>
/// <param name="fieldManager">The name under which fields are owned.</param>
public sealed class ManifestApply(KubernetesClient client, string fieldManager)
{
    /// <summary>A definition's kind is served some hundred milliseconds after its creation; ten tries span five seconds.</summary>
    private const int DiscoveryTries = 10;
    private static readonly TimeSpan DiscoveryPause = TimeSpan.FromMilliseconds(500);

    private readonly ConcurrentDictionary<(string ApiVersion, string Kind), (string Root, string Plural, bool Namespaced)> _known = new();

    /// <summary>Applies manifests in order; fields that others own are taken over.</summary>
    /// <returns>What the server holds now, in the same order.</returns>
    public async Task<IReadOnlyList<JsonObject>> ApplyAsync(
        IEnumerable<JsonObject> manifests, string? defaultNamespace = null, CancellationToken cancellationToken = default)
    {
        var results = new List<JsonObject>();
        foreach (var manifest in manifests)
        {
            var path = await PathOfAsync(manifest, defaultNamespace, cancellationToken).ConfigureAwait(false);
            results.Add(await client.PatchJsonAsync(
                path, manifest, PatchType.Apply, new(FieldManager: fieldManager, Force: true), cancellationToken).ConfigureAwait(false));
        }

        return results;
    }

    /// <summary>The path of the object that a manifest describes.</summary>
    public async Task<string> PathOfAsync(JsonObject manifest, string? defaultNamespace = null, CancellationToken cancellationToken = default)
    {
        var apiVersion = Required(manifest, "apiVersion", manifest);
        var kind = Required(manifest, "kind", manifest);
        var metadata = manifest["metadata"] as JsonObject ?? throw new FormatException($"{kind}: the manifest has no metadata.");
        var name = Required(metadata, "name", manifest);
        var (root, plural, namespaced) = await FindAsync(apiVersion, kind, cancellationToken).ConfigureAwait(false);
        var ns = (string?)metadata["namespace"] ?? defaultNamespace ?? client.Config.Namespace;
        return namespaced ? $"{root}/namespaces/{ns}/{plural}/{name}" : $"{root}/{plural}/{name}";
    }

    private static string Required(JsonObject owner, string field, JsonObject manifest) =>
        owner[field] is JsonValue value && value.TryGetValue(out string? text) && text.Length > 0
            ? text
            : throw new FormatException($"A manifest lacks {field}: {manifest.ToJsonString()[..Math.Min(200, manifest.ToJsonString().Length)]}");

    private async Task<(string Root, string Plural, bool Namespaced)> FindAsync(string apiVersion, string kind, CancellationToken cancellationToken)
    {
        if (_known.TryGetValue((apiVersion, kind), out var found))
        {
            return found;
        }

        var root = apiVersion.Contains('/') ? $"/apis/{apiVersion}" : $"/api/{apiVersion}";
        for (var attempt = 1; ; attempt++)
        {
            if (await DiscoverAsync(root, kind, cancellationToken).ConfigureAwait(false) is { } resource)
            {
                return _known[(apiVersion, kind)] = (root, resource.Plural, resource.Namespaced);
            }

            if (attempt == DiscoveryTries)
            {
                throw new FormatException($"The API server knows no kind {kind} in {apiVersion}; is its CustomResourceDefinition installed?");
            }

            await Task.Delay(DiscoveryPause, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<(string Plural, bool Namespaced)?> DiscoverAsync(string root, string kind, CancellationToken cancellationToken)
    {
        JsonObject list;
        try
        {
            list = await client.GetJsonAsync(root, cancellationToken).ConfigureAwait(false);
        }
        catch (KubernetesException error) when (error.IsNotFound)
        {
            return null;
        }

        var resource = (list["resources"] as JsonArray)?.OfType<JsonObject>()
            .FirstOrDefault(entry => (string?)entry["kind"] == kind && !((string)entry["name"]!).Contains('/'));
        return resource is null ? null : ((string)resource["name"]!, (bool)resource["namespaced"]!);
    }
}
