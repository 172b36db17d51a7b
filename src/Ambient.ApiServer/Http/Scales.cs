using System.Text.Json.Nodes;
using Ambient.ApiServer.Patching;
using Ambient.ApiServer.Storage;

namespace Ambient.ApiServer.Http;

/// <summary>The scale subresource: replicas of a set, as one common kind.</summary>
internal static class Scales
{
    public static async Task HandleAsync(ResourceRequest request, string verb)
    {
        var item = request.Server.Store.Find(request.Type.Bucket, request.Namespace, request.Name) ?? throw request.NotFound();
        if (verb is "update" or "patch")
        {
            var wanted = await WantedAsync(request, Scale(item), verb).ConfigureAwait(false);
            if (wanted.NumberAt("spec", "replicas") is < 0)
            {
                throw Refusal.Invalid("autoscaling", "Scale", request.Name,
                    Cause.Invalid("spec.replicas", wanted.At("spec", "replicas")?.DeepClone(), "must be greater than or equal to 0"));
            }

            item = request.Server.Writes.Change(
                request.Type,
                request.Namespace,
                request.Name,
                body =>
                {
                    body.Child("spec")["replicas"] = wanted.NumberAt("spec", "replicas") ?? 0;
                    var version = wanted.TextAt("metadata", "resourceVersion");
                    body.Child("metadata")["resourceVersion"] = version;
                    return body;
                },
                Writing.By(request.FieldManager, "scale"),
                request.IsDryRun);
        }
        else if (verb != "get")
        {
            throw Refusal.MethodNotAllowed();
        }

        await Responses.WriteJsonAsync(request.Http, 200, Scale(item)).ConfigureAwait(false);
    }

    private static async Task<JsonObject> WantedAsync(ResourceRequest request, JsonObject scale, string verb)
    {
        if (verb == "update")
        {
            return await Bodies.ReadObjectAsync(request.Http.Request, "Scale", Schemas.SchemaText.BuiltIn["Scale"]).ConfigureAwait(false);
        }

        scale.Child("metadata").Remove("resourceVersion");
        var patch = Bodies.Parse(await Bodies.ReadAsync(request.Http.Request).ConfigureAwait(false), false, "Scale");
        try
        {
            return (patch is JsonArray operations ? JsonPatch.Apply(scale, operations) : MergePatch.Apply(scale, patch)) as JsonObject
                ?? throw Refusal.BadRequest("the patched value is not an object");
        }
        catch (FormatException error)
        {
            throw new ApiException(422, "Invalid", $"the server rejected our request due to an error in our request: {error.Message}", []);
        }
    }

    private static JsonObject Scale(StoredObject item)
    {
        var body = item.Thaw("", "");
        var metadata = new JsonObject();
        foreach (var name in new[] { "name", "namespace", "uid", "resourceVersion", "creationTimestamp" })
        {
            metadata[name] = body.At("metadata", name)?.DeepClone();
        }

        var labels = body.At("spec", "selector", "matchLabels") as JsonObject ?? [];
        return new JsonObject
        {
            ["kind"] = "Scale",
            ["apiVersion"] = "autoscaling/v1",
            ["metadata"] = metadata,
            ["spec"] = new JsonObject { ["replicas"] = body.NumberAt("spec", "replicas") ?? 0 },
            ["status"] = new JsonObject
            {
                ["replicas"] = body.NumberAt("status", "replicas") ?? 0,
                ["selector"] = string.Join(',', labels.Select(label => $"{label.Key}={label.Value}")),
            },
        };
    }
}
