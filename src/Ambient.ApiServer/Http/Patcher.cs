using System.Text.Json.Nodes;
using Ambient.ApiServer.ManagedFields;
using Ambient.ApiServer.Patching;

namespace Ambient.ApiServer.Http;

/// <summary>PATCH, in its four forms.</summary>
internal static class Patcher
{
    private const string JsonType = "application/json-patch+json";
    private const string MergeType = "application/merge-patch+json";
    private const string StrategicType = "application/strategic-merge-patch+json";
    private const string ApplyType = "application/apply-patch+yaml";

    public static async Task PatchAsync(ResourceRequest request, string subresource)
    {
        var type = Bodies.MediaType(request.Http.Request);
        if (type is not (JsonType or MergeType or StrategicType or ApplyType))
        {
            throw new ApiException(415, "UnsupportedMediaType", "415: Unsupported Media Type", []);
        }

        if (type == StrategicType && request.Type.IsCustom)
        {
            throw Refusal.UnsupportedMediaType(JsonType, MergeType, ApplyType);
        }

        var body = await Bodies.ReadAsync(request.Http.Request).ConfigureAwait(false);
        var patch = Bodies.Parse(body, type == ApplyType, request.Type.Kind);
        if (type == ApplyType)
        {
            await Applier.ApplyAsync(
                request, patch as JsonObject ?? throw Refusal.BadRequest("the applied configuration is not an object"), subresource).ConfigureAwait(false);
            return;
        }

        var written = request.Server.Writes.Change(
            request.Type,
            request.Namespace,
            request.Name,
            old => Patched(request, old, patch, type),
            Writing.By(request.FieldManager, subresource),
            request.IsDryRun);
        await Reader.WriteAsync(request, 200, written).ConfigureAwait(false);
    }

    private static JsonObject Patched(ResourceRequest request, JsonObject old, JsonNode? patch, string type)
    {
        var version = old.TextAt("metadata", "resourceVersion");
        var result = type switch
        {
            JsonType => ApplyJsonPatch(old, patch),
            MergeType => MergePatch.Apply(old, patch as JsonObject ?? throw NotObject(request)),
            _ => StrategicMerge.Apply(old, patch as JsonObject ?? throw NotObject(request), request.Type.Schema),
        };
        var body = result as JsonObject ?? throw Refusal.BadRequest("the patched value is not an object");
        ResourceHandler.CheckKind(body, request.Type);
        ResourceHandler.Decode(request, body, request.Type);
        var metadata = body.Child("metadata");
        // Only a version that the patch names is a condition.
        if (metadata.TextAt("resourceVersion") == version && patch.TextAt("metadata", "resourceVersion") is null)
        {
            metadata.Remove("resourceVersion");
        }

        return body;
    }

    private static ApiException NotObject(ResourceRequest request) =>
        Refusal.BadRequest($"the patch of a {request.Type.Kind} is not an object");

    private static JsonNode? ApplyJsonPatch(JsonObject old, JsonNode? patch)
    {
        try
        {
            return JsonPatch.Apply(old, patch as JsonArray ?? throw Refusal.BadRequest("a JSON patch is a list of operations"));
        }
        catch (FormatException error)
        {
            throw new ApiException(
                422, "Invalid", $"the server rejected our request due to an error in our request: {error.Message}", []);
        }
    }
}
