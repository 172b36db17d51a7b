using System.Text.Json.Nodes;
using Ambient.ApiServer.Http;
using Ambient.ApiServer.Storage;

namespace Ambient.ApiServer.ManagedFields;

/// <summary>Server-side apply: a manager's whole wish, laid over what is there.</summary>
internal static class Applier
{
    public static async Task ApplyAsync(ResourceRequest request, JsonObject applied, string subresource)
    {
        if (string.IsNullOrEmpty(request.Query("fieldManager")))
        {
            throw Refusal.Invalid("meta.k8s.io", "PatchOptions", "", Cause.Required("fieldManager", "is required for apply patch"));
        }

        ResourceHandler.CheckKind(applied, request.Type);
        ResourceHandler.Decode(request, applied, request.Type);
        if (applied.At("metadata", "managedFields") is JsonArray { Count: > 0 })
        {
            throw Refusal.BadRequest("metadata.managedFields must be nil");
        }

        applied.Child("metadata").SetDefault("name", request.Name);
        var writing = new Writing(request.FieldManager, "Apply", subresource)
        {
            Applied = applied,
            Force = request.Query("force") is "true" or "1",
        };
        StoredObject result;
        var status = 200;
        if (request.Server.Store.Find(request.Type.Bucket, request.Namespace, request.Name) is null && subresource.Length == 0)
        {
            status = 201;
            result = request.Server.Writes.Create(
                request.Type, request.Namespace, applied.DeepClone().AsObject(), writing, request.IsDryRun);
        }
        else
        {
            result = request.Server.Writes.Change(
                request.Type, request.Namespace, request.Name, old => Merged(request, old, applied, writing), writing, request.IsDryRun);
        }

        await Reader.WriteAsync(request, status, result).ConfigureAwait(false);
    }

    private static JsonObject Merged(ResourceRequest request, JsonObject old, JsonObject applied, Writing writing)
    {
        var schema = request.Type.Schema;
        var managers = FieldManagers.Read(old);
        var before = managers.Find(manager => manager.IsOf(writing, request.Type.ApiVersion))?.Fields ?? new();
        var others = managers.Where(manager => !manager.IsOf(writing, request.Type.ApiVersion))
            .Aggregate(new FieldSet(), (all, manager) => FieldSet.Union(all, manager.Fields));
        var asked = applied.TextAt("metadata", "resourceVersion");
        FieldTree.Merge(old, applied, schema);
        FieldTree.Prune(old, before, FieldTree.Leaves(applied, schema), others, schema);
        var metadata = old.Child("metadata");
        metadata.Remove("resourceVersion");
        if (asked is not null)
        {
            metadata["resourceVersion"] = asked;
        }

        return old;
    }
}
