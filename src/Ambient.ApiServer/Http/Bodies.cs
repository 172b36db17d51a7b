using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ambient.ApiServer.Schemas;
using Ambient.Kubernetes;
using Microsoft.AspNetCore.Http;

namespace Ambient.ApiServer.Http;

/// <summary>Reads bodies of requests.</summary>
internal static class Bodies
{
    /// <summary>The real server's limit for a request's body.</summary>
    private const int Longest = 3 * 1024 * 1024;

    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 128 };

    public static async Task<byte[]> ReadAsync(HttpRequest request)
    {
        using var buffer = new MemoryStream();
        var portion = new byte[16 * 1024];
        int read;
        while ((read = await request.Body.ReadAsync(portion, request.HttpContext.RequestAborted).ConfigureAwait(false)) > 0)
        {
            if (buffer.Length + read > Longest)
            {
                throw Refusal.TooLarge(Longest);
            }

            await buffer.WriteAsync(portion.AsMemory(0, read)).ConfigureAwait(false);
        }

        return buffer.ToArray();
    }

    /// <summary>The media type without parameters.</summary>
    public static string MediaType(HttpRequest request) =>
        (request.ContentType ?? "application/json").Split(';')[0].Trim().ToLowerInvariant();

    /// <summary>An object as JSON, YAML or protobuf.</summary>
    public static async Task<JsonObject> ReadObjectAsync(HttpRequest request, string kind, Schema schema)
    {
        var type = MediaType(request);
        if (type == ProtobufBody.MediaType)
        {
            return ProtobufBody.Parse(await ReadAsync(request).ConfigureAwait(false), schema, kind);
        }

        if (type is not ("application/json" or "application/yaml"))
        {
            throw Refusal.UnsupportedMediaType("application/json", "application/yaml", "application/vnd.kubernetes.protobuf");
        }

        return Parse(await ReadAsync(request).ConfigureAwait(false), type == "application/yaml", kind) as JsonObject
            ?? throw Refusal.BadRequest($"the object provided is unrecognized (must be of type {kind}): not an object");
    }

    /// <summary>Options of a deletion; an empty body has none.</summary>
    public static async Task<JsonObject> ReadOptionsAsync(HttpRequest request)
    {
        var body = await ReadAsync(request).ConfigureAwait(false);
        if (MediaType(request) == ProtobufBody.MediaType && body.Length > 0)
        {
            return ProtobufBody.ParsePlain(body, SchemaText.BuiltIn["DeleteOptions"], "DeleteOptions");
        }

        return body.Length == 0 ? [] : Parse(body, false, "DeleteOptions") as JsonObject ?? throw Refusal.BadRequest("DeleteOptions: not an object");
    }

    public static JsonNode? Parse(byte[] body, bool yaml, string kind)
    {
        var text = Encoding.UTF8.GetString(body);
        try
        {
            if (yaml)
            {
                return Manifests.Parse(text, kind) is [var only] ? only : throw new FormatException("expected one document");
            }

            var node = JsonNode.Parse(body, null, Strict);
            // JsonNode finds doubled names only when it is looked into.
            Visit(node);
            return node;
        }
        catch (Exception error) when (error is JsonException or FormatException or ArgumentException)
        {
            var start = text.Length > 100 ? text[..100] + "..." : text;
            throw Refusal.BadRequest(
                $"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error: {error.Message} ({start})");
        }
    }

    private static void Visit(JsonNode? node)
    {
        switch (node)
        {
            case JsonObject body:
                foreach (var (_, value) in body)
                {
                    Visit(value);
                }

                break;
            case JsonArray array:
                foreach (var item in array)
                {
                    Visit(item);
                }

                break;
        }
    }
}
