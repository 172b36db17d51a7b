using System.Text.Json.Nodes;
using Ambient.ApiServer;
using Ambient.Kubernetes;

namespace Ambient.Cli.Explain;

/// <summary>
/// Takes manifests of routes and policies through an API server of this process, for what a cluster's would do with them: misspelt fields are found, and
/// what is left out gets its default. Without it a policy with a typing mistake would be explained as if the mistake were not there.
/// </summary>
internal static class ManifestCheck
{
    private static readonly string[] Groups = ["gateway.networking.k8s.io/", "security.istio.io/", "networking.istio.io/"];

    /// <summary>The manifests as a cluster would keep them.</summary>
    /// <param name="manifests">As they were written.</param>
    /// <param name="notes">Is told what a cluster would refuse; such a manifest stays as it is.</param>
    /// <param name="ct">Ends the wait.</param>
    public static async Task<IReadOnlyList<JsonObject>> RunAsync(IReadOnlyList<JsonObject> manifests, TextWriter notes, CancellationToken ct)
    {
        if (!manifests.Any(IsChecked))
        {
            return manifests;
        }

        await using var server = await ApiServer.ApiServer.StartAsync(new ApiServerOptions { Controllers = false }, cancellationToken: ct);
        using var client = new KubernetesClient(server.AdminConfig);
        var paths = new ManifestApply(client, "explain");
        var known = new HashSet<string>(StringComparer.Ordinal) { "default" };
        var result = new List<JsonObject>();
        foreach (var manifest in manifests)
        {
            result.Add(IsChecked(manifest) ? await CheckAsync(client, paths, manifest, known, notes, ct) : manifest);
        }

        return result;
    }

    private static bool IsChecked(JsonObject manifest) =>
        manifest["apiVersion"] is JsonValue version && version.TryGetValue(out string? text) && Groups.Any(group => text.StartsWith(group, StringComparison.Ordinal));

    private static async Task<JsonObject> CheckAsync(
        KubernetesClient client, ManifestApply paths, JsonObject manifest, HashSet<string> namespaces, TextWriter notes, CancellationToken ct)
    {
        var place = $"{(string?)manifest["kind"]} {(string?)manifest["metadata"]?["namespace"] ?? "default"}/{(string?)manifest["metadata"]?["name"]}";
        try
        {
            var ns = (string?)manifest["metadata"]?["namespace"];
            if (ns is not null && namespaces.Add(ns))
            {
                await client.SendJsonAsync(
                    HttpMethod.Post,
                    "/api/v1/namespaces",
                    new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Namespace", ["metadata"] = new JsonObject { ["name"] = ns } },
                    cancellationToken: ct);
            }

            var path = await paths.PathOfAsync(manifest, "default", ct);
            var kept = await client.SendJsonAsync(
                HttpMethod.Post, path[..path.LastIndexOf('/')] + "?fieldValidation=Strict", Written(manifest), cancellationToken: ct);
            var checkedOne = (JsonObject)manifest.DeepClone();
            checkedOne["spec"] = kept["spec"]?.DeepClone();
            return checkedOne;
        }
        catch (Exception e) when (e is KubernetesException or FormatException)
        {
            await notes.WriteLineAsync($"note: a cluster would refuse {place}: {(e as KubernetesException)?.ServerMessage ?? e.Message}");
            return manifest;
        }
    }

    /// <summary>What somebody writes of an object: a dump of a cluster has more, which a server does not take.</summary>
    private static JsonObject Written(JsonObject manifest)
    {
        var written = (JsonObject)manifest.DeepClone();
        written.Remove("status");
        if (written["metadata"] is JsonObject metadata)
        {
            foreach (var field in new[] { "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "ownerReferences", "deletionTimestamp", "finalizers" })
            {
                metadata.Remove(field);
            }
        }

        return written;
    }
}
