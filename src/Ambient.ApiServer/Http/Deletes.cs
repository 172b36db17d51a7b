using System.Text.Json.Nodes;
using Ambient.ApiServer.Kinds;
using Ambient.ApiServer.Storage;

namespace Ambient.ApiServer.Http;

/// <summary>How to delete: from the body and the query.</summary>
internal sealed record Deletion(long? GraceSeconds, string? Propagation, string? Uid, string? Version)
{
    public static Deletion Read(JsonObject body, ResourceRequest request) => new(
        Reader.Number(request, "gracePeriodSeconds") ?? body.NumberAt("gracePeriodSeconds"),
        request.Query("propagationPolicy") ?? body.TextAt("propagationPolicy")
            ?? ((bool?)body["orphanDependents"] == true ? "Orphan" : null),
        body.TextAt("preconditions", "uid"),
        body.TextAt("preconditions", "resourceVersion"));
}

/// <summary>Deletes objects: at once, or marked until finalizers and grace have passed.</summary>
internal sealed class Deletes(ServerState server)
{
    private const string Foreground = "foregroundDeletion";
    private const string Orphan = "orphan";

    /// <summary>Deletes; returns the last or marked state, and whether the object is gone.</summary>
    public (StoredObject Item, bool IsGone) Delete(ResourceType type, string ns, string name, Deletion deletion, bool dryRun = false)
    {
        while (true)
        {
            var read = server.Store.Find(type.Bucket, ns, name) ?? throw Refusal.NotFound(type.Group, type.Plural, name);
            CheckPreconditions(type, read, deletion);
            var body = read.Thaw(type.Kind, type.ApiVersion);
            var metadata = body.Child("metadata");
            var finalizers = Finalizers(type, body, deletion);
            var grace = Grace(type, body, deletion);
            if (finalizers.Count == 0 && grace == 0)
            {
                if (type.Bucket == "/pods")
                {
                    metadata.SetDefault("deletionTimestamp", server.Now());
                    metadata["deletionGracePeriodSeconds"] = 0;
                }

                if (dryRun || server.Store.Remove(type.Bucket, read, body))
                {
                    if (!dryRun)
                    {
                        server.Controllers.Deleted(type, read);
                    }

                    return (StoredObject.Freeze(body), true);
                }

                continue;
            }

            if (!Mark(type, body, finalizers, grace) || dryRun)
            {
                return (dryRun ? StoredObject.Freeze(body) : read, false);
            }

            if (server.Store.Replace(type.Bucket, read, body) is { } marked)
            {
                server.Controllers.Changed(type, read, marked);
                return (marked, false);
            }
        }
    }

    private static void CheckPreconditions(ResourceType type, StoredObject read, Deletion deletion)
    {
        if (deletion.Uid is not null && deletion.Uid != read.Uid)
        {
            throw new ApiException(
                409,
                "Conflict",
                $"Operation cannot be fulfilled on {type.Kind} \"{read.Name}\": the UID in the precondition ({deletion.Uid}) does not match the UID in record ({read.Uid}). The object might have been deleted and then recreated",
                Refusal.Details(read.Name, type.Group, type.Kind));
        }

        if (deletion.Version is not null && deletion.Version != read.Version.ToString())
        {
            throw new ApiException(
                409,
                "Conflict",
                $"Operation cannot be fulfilled on {type.Kind} \"{read.Name}\": the ResourceVersion in the precondition ({deletion.Version}) does not match the ResourceVersion in record ({read.Version}). The object might have been modified",
                Refusal.Details(read.Name, type.Group, type.Kind));
        }
    }

    private static List<string> Finalizers(ResourceType type, JsonObject body, Deletion deletion)
    {
        var finalizers = (body.At("metadata", "finalizers") as JsonArray)?.Select(item => item?.GetValue<string>() ?? "").ToList() ?? [];
        finalizers.RemoveAll(item => item is Foreground or Orphan && deletion.Propagation is not null);
        switch (deletion.Propagation)
        {
            case "Foreground":
                finalizers.Add(Foreground);
                break;
            case "Orphan":
                finalizers.Add(Orphan);
                break;
            case null or "Background":
                break;
            default:
                throw Refusal.Invalid("meta.k8s.io", "DeleteOptions", "", Cause.NotSupported(
                    "propagationPolicy", deletion.Propagation, ["Foreground", "Background", "Orphan"]));
        }

        if (type.Bucket == "/namespaces" && body.At("spec", "finalizers") is JsonArray { Count: > 0 })
        {
            // Held by its own list; the marker here never reaches the metadata.
            finalizers.Add("");
        }

        return finalizers;
    }

    /// <summary>Seconds that a pod is given; only pods that run somewhere are given any.</summary>
    private static long Grace(ResourceType type, JsonObject body, Deletion deletion)
    {
        if (type.Bucket != "/pods")
        {
            return 0;
        }

        if (string.IsNullOrEmpty(body.TextAt("spec", "nodeName")) || body.TextAt("status", "phase") is "Succeeded" or "Failed")
        {
            return 0;
        }

        var grace = deletion.GraceSeconds ?? body.NumberAt("spec", "terminationGracePeriodSeconds") ?? 30;
        return body.NumberAt("metadata", "deletionGracePeriodSeconds") is { } before ? Math.Min(before, grace) : grace;
    }

    /// <summary>Marks the object as being deleted; false when it already is, in the same way.</summary>
    private bool Mark(ResourceType type, JsonObject body, List<string> finalizers, long grace)
    {
        var metadata = body.Child("metadata");
        var before = metadata.DeepClone();
        var first = metadata["deletionTimestamp"] is null;
        if (first || metadata.NumberAt("deletionGracePeriodSeconds") != grace)
        {
            metadata["deletionTimestamp"] = Timestamps.Text(server.Options.Time.GetUtcNow() + TimeSpan.FromSeconds(grace));
            if (type.Bucket != "/namespaces")
            {
                metadata["deletionGracePeriodSeconds"] = grace;
            }
        }

        if (first && metadata.NumberAt("generation") is { } generation && generation > 0)
        {
            metadata["generation"] = generation + 1;
        }

        finalizers.RemoveAll(item => item.Length == 0);
        metadata.Remove("finalizers");
        if (finalizers.Count > 0)
        {
            metadata["finalizers"] = new JsonArray([.. finalizers.Select(item => (JsonNode)item)]);
        }

        if (type.Bucket == "/namespaces")
        {
            body.Child("status")["phase"] = "Terminating";
        }

        if (type.Bucket == "apiextensions.k8s.io/customresourcedefinitions")
        {
            Controllers.Definitions.SetCondition(body, "Terminating", "True", "InstanceDeletionPending",
                "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon", server.Now());
        }

        return !JsonNode.DeepEquals(before, metadata);
    }
}
