using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using Ambient.ApiServer.Kinds;
using Ambient.ApiServer.Storage;
using Microsoft.AspNetCore.Http;

namespace Ambient.ApiServer.Http;

/// <summary>Writes answers.</summary>
internal static class Responses
{
    public static Task WriteJsonAsync(HttpContext context, int status, JsonNode body, string contentType = "application/json") =>
        WriteAsync(context, status, Encoding.UTF8.GetBytes(Json.Text(body)), contentType);

    public static async Task WriteAsync(HttpContext context, int status, ReadOnlyMemory<byte> body, string contentType)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = contentType;
        context.Response.Headers.CacheControl = "no-cache, private";
        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body, context.RequestAborted).ConfigureAwait(false);
    }

    public static Task WriteTextAsync(HttpContext context, int status, string text) =>
        WriteAsync(context, status, Encoding.UTF8.GetBytes(text), "text/plain; charset=utf-8");

    public static Task WriteRefusalAsync(HttpContext context, ApiException refusal)
    {
        if (refusal.RetryAfterSeconds is { } seconds)
        {
            context.Response.Headers.RetryAfter = seconds.ToString();
        }

        return WriteJsonAsync(context, refusal.Code, refusal.ToStatus());
    }

    /// <summary>RFC 9111 §5.5 warnings as the API uses them.</summary>
    public static void Warn(HttpContext context, string text) =>
        context.Response.Headers.Append("Warning", $"299 - \"{text.Replace("\\", "\\\\").Replace("\"", "\\\"")}\"");

    /// <summary>Writes a stored object with its kind before it.</summary>
    public static void WriteObject(IBufferWriter<byte> output, StoredObject item, ResourceType type)
    {
        output.Write(Encoding.UTF8.GetBytes($"{{\"kind\":\"{type.Kind}\",\"apiVersion\":\"{type.ApiVersion}\","));
        output.Write(item.Utf8.AsSpan(1));
    }

    public static byte[] ObjectBytes(StoredObject item, ResourceType type)
    {
        var buffer = new ArrayBufferWriter<byte>(item.Utf8.Length + 64);
        WriteObject(buffer, item, type);
        return buffer.WrittenSpan.ToArray();
    }
}

/// <summary>The form in which a client wants objects.</summary>
internal enum OutputForm
{
    Object,
    Table,
    Metadata,
}

/// <summary>Reads the Accept header.</summary>
internal static class Accept
{
    public static OutputForm FormOf(HttpRequest request)
    {
        var header = request.Headers.Accept.ToString();
        if (header.Length == 0)
        {
            return OutputForm.Object;
        }

        foreach (var choice in header.Split(','))
        {
            var parts = choice.Split(';').Select(part => part.Trim()).ToArray();
            if (parts[0] is not ("application/json" or "*/*" or "application/*"))
            {
                continue;
            }

            var form = parts.FirstOrDefault(part => part.StartsWith("as=", StringComparison.Ordinal));
            switch (form)
            {
                case null:
                    return OutputForm.Object;
                case "as=Table" when parts.Contains("g=meta.k8s.io") && parts.Contains("v=v1"):
                    return OutputForm.Table;
                case "as=PartialObjectMetadata" or "as=PartialObjectMetadataList" when parts.Contains("g=meta.k8s.io") && parts.Contains("v=v1"):
                    return OutputForm.Metadata;
            }
        }

        throw Refusal.NotAcceptable();
    }
}
