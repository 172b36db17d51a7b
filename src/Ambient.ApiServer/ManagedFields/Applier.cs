using System.Text.Json.Nodes;
using Ambient.ApiServer.Http;
using Ambient.ApiServer.Patching;
using Ambient.ApiServer.Storage;

namespace Ambient.ApiServer.ManagedFields;

/// <summary>Server-side apply.</summary>
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
        var metadata = applied.Child("metadata");
        metadata.SetDefault("name", request.Name);
        var writing = new Writing(request.FieldManager, "Apply", subresource);
        StoredObject result;
        var status = 200;
        if (request.Server.Store.Find(request.Type.Bucket, request.Namespace, request.Name) is null && subresource.Length == 0)
        {
            status = 201;
            result = request.Server.Writes.Create(request.Type, request.Namespace, applied, writing, request.IsDryRun);
        }
        else
        {
            result = request.Server.Writes.Change(
                request.Type,
                request.Namespace,
                request.Name,
                old =>
                {
                    var body = StrategicMerge.Apply(old, applied, request.Type.Schema);
                    if (applied.TextAt("metadata", "resourceVersion") is null)
                    {
                        body.Child("metadata").Remove("resourceVersion");
                    }

                    return body;
                },
                writing,
                request.IsDryRun);
        }

        await Reader.WriteAsync(request, status, result).ConfigureAwait(false);
    }
}
