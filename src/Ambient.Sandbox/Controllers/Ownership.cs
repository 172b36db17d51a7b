using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;

namespace Ambient.Sandbox.Controllers;

/// <summary>What sets and the objects that they make have in common. Templates pass through as JSON: no field is lost.</summary>
internal static class Ownership
{
    /// <summary>The owner that controls an object, if it is of the given kind.</summary>
    public static ObjectKey? ControllerOf(IResource resource, string kind) =>
        (resource.Metadata.OwnerReferences ?? []).FirstOrDefault(owner => owner.Controller == true && owner.Kind == kind) is { Name: { } name }
            ? new ObjectKey(resource.Metadata.Namespace ?? "", name)
            : null;

    /// <summary>Whether an object is controlled by exactly this owner.</summary>
    public static bool Owns(string? uid, IResource resource) =>
        (resource.Metadata.OwnerReferences ?? []).Any(owner => owner.Controller == true && owner.Uid == uid);

    /// <summary>The reference that makes an object controlled by another.</summary>
    public static JsonArray Reference(JsonObject owner) => new(new JsonObject
    {
        ["apiVersion"] = (string?)owner["apiVersion"],
        ["kind"] = (string?)owner["kind"],
        ["name"] = (string?)owner["metadata"]?["name"],
        ["uid"] = (string?)owner["metadata"]?["uid"],
        ["controller"] = true,
        ["blockOwnerDeletion"] = true,
    });

    /// <summary>Ten digits that name a pod template: equal templates, equal digits.</summary>
    public static string Hash(JsonNode template) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(template.ToJsonString())))[..10];

    /// <summary>A pod of a set, by its template.</summary>
    public static JsonObject PodOf(JsonObject owner, string hashLabel, string hash, string? node)
    {
        var template = owner["spec"]!["template"]!.DeepClone().AsObject();
        var metadata = template["metadata"] as JsonObject ?? [];
        template.Remove("metadata");
        metadata.Remove("name");
        metadata["generateName"] = (string?)owner["metadata"]!["name"] + "-";
        metadata["namespace"] = (string?)owner["metadata"]!["namespace"];
        metadata["ownerReferences"] = Reference(owner);
        var labels = metadata["labels"] as JsonObject ?? [];
        labels.TryAdd(hashLabel, hash);
        metadata["labels"] = labels;
        var spec = template["spec"]!.DeepClone().AsObject();
        if (node is not null)
        {
            spec["nodeName"] = node;
        }

        return new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Pod", ["metadata"] = metadata, ["spec"] = spec };
    }

    /// <summary>The selector of a set as a query.</summary>
    public static string Query(LabelSelector? selector) =>
        string.Join(',', (selector?.MatchLabels ?? new Dictionary<string, string>()).Select(label => $"{label.Key}={label.Value}"));

    /// <summary>Whether a pod is ready.</summary>
    public static bool IsReady(Pod pod) =>
        pod.Metadata.DeletionTimestamp is null && (pod.Status?.Conditions ?? []).Any(condition => condition is { Type: "Ready", Status: "True" });

    /// <summary>Whether a pod still counts: neither ended nor ending.</summary>
    public static bool IsActive(Pod pod) => pod.Metadata.DeletionTimestamp is null && pod.Status?.Phase is not ("Succeeded" or "Failed");

    /// <summary>Writes a status if it is another than the one in force.</summary>
    public static async Task WriteStatusAsync(KubernetesClient client, string path, JsonObject current, JsonObject status, CancellationToken ct)
    {
        var before = current["status"] as JsonObject ?? [];
        if (!status.All(field => JsonNode.DeepEquals(before[field.Key], field.Value)))
        {
            await client.PatchJsonAsync(path, new JsonObject { ["status"] = status }, PatchType.Merge, new PatchOptions("status"), ct);
        }
    }

    /// <summary>Reads an object as JSON; null if it is gone.</summary>
    public static async Task<JsonObject?> ReadAsync(KubernetesClient client, string path, CancellationToken ct)
    {
        try
        {
            return await client.GetJsonAsync(path, ct);
        }
        catch (KubernetesException e) when (e.IsNotFound)
        {
            return null;
        }
    }
}
