using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;

namespace Ambient.Kubernetes;

/// <content>Requests by path, tokens, and what all requests share.</content>
public sealed partial class KubernetesClient
{
    /// <summary>Longest answer to a failed request that is read for its message: a Status is some hundred bytes.</summary>
    private const int LongestError = 64 * 1024;

    /// <summary>Sends any request by path (with query) and returns the JSON of the answer.</summary>
    public async Task<JsonObject> SendJsonAsync(
        HttpMethod method, string path, JsonNode? body = null, string contentType = "application/json", CancellationToken cancellationToken = default)
    {
        using var limit = Deadline(cancellationToken);
        using var response = await RequestAsync(
            method, path, body is null ? null : Body(body), new MediaTypeHeaderValue(contentType), limit.Token).ConfigureAwait(false);
        var stream = await response.Content.ReadAsStreamAsync(limit.Token).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            return await JsonNode.ParseAsync(stream, null, default, limit.Token).ConfigureAwait(false) as JsonObject
                ?? throw new JsonException($"{method} {path}: the answer is not a JSON object.");
        }
    }

    /// <summary>Reads one object, or a collection, by path.</summary>
    public Task<JsonObject> GetJsonAsync(string path, CancellationToken cancellationToken = default) =>
        SendJsonAsync(HttpMethod.Get, path, null, "application/json", cancellationToken);

    /// <summary>Patches by path.</summary>
    public Task<JsonObject> PatchJsonAsync(
        string path, JsonNode patch, PatchType type, PatchOptions? options = null, CancellationToken cancellationToken = default) =>
        SendJsonAsync(HttpMethod.Patch, PatchTarget(path, options), patch, Media.Of(type).MediaType!, cancellationToken);

    /// <summary>Deletes by path.</summary>
    public Task<JsonObject> DeleteJsonAsync(string path, DeleteOptions? options = null, CancellationToken cancellationToken = default)
    {
        JsonObject? body = null;
        if (options is not null)
        {
            body = new JsonObject { ["apiVersion"] = "v1", ["kind"] = "DeleteOptions" };
            AddIfSet(body, "gracePeriodSeconds", options.GracePeriodSeconds);
            AddIfSet(body, "propagationPolicy", options.PropagationPolicy);
            if (options.Uid is not null || options.ResourceVersion is not null)
            {
                var preconditions = new JsonObject();
                AddIfSet(preconditions, "uid", options.Uid);
                AddIfSet(preconditions, "resourceVersion", options.ResourceVersion);
                body["preconditions"] = preconditions;
            }
        }

        return SendJsonAsync(HttpMethod.Delete, path, body, "application/json", cancellationToken);
    }

    /// <summary>Asks for a token of a service account.</summary>
    public async Task<TokenRequestStatus> CreateTokenAsync(
        string ns, string serviceAccount, TokenRequestSpec spec, CancellationToken cancellationToken = default)
    {
        var json = ResourceJson.Default.TokenRequest;
        var path = ResourceKinds.ServiceAccounts.Path(ns, serviceAccount) + "/token";
        var answer = await SendAsync(
            HttpMethod.Post, path, Body(new TokenRequest { Spec = spec }, json), Media.Json, json, cancellationToken).ConfigureAwait(false);
        return answer.Status ?? throw new JsonException($"POST {path}: the answer has no status.");
    }

    /// <summary>Asks whether a token is good, for one of the audiences if any are named.</summary>
    public async Task<TokenReviewStatus> ReviewTokenAsync(
        string token, IReadOnlyList<string>? audiences = null, CancellationToken cancellationToken = default)
    {
        var review = new TokenReview { Spec = new() { Token = token, Audiences = audiences } };
        var kind = ResourceKinds.TokenReviews;
        var answer = await SendAsync(
            HttpMethod.Post, kind.Path(null), Body(review, kind.Json), Media.Json, kind.Json, cancellationToken).ConfigureAwait(false);
        return answer.Status ?? new();
    }

    /// <summary>
    /// Connects to a port on loopback inside a pod, as <c>kubectl port-forward</c> does. Reading fails with what the node says when nothing
    /// listens there.
    /// </summary>
    /// <exception cref="IOException">The API server refuses.</exception>
    public async Task<Stream> ConnectAsync(string ns, string pod, int port, CancellationToken cancellationToken = default) =>
        await PortForward.OpenAsync(_http, Config.Server, ns, pod, port, cancellationToken).ConfigureAwait(false);

    private static void AddIfSet(JsonObject owner, string name, JsonNode? value)
    {
        if (value is not null)
        {
            owner[name] = value;
        }
    }

    /// <summary>Sends, and turns every status that is not 2xx into an exception. The body is not read yet.</summary>
    private async Task<HttpResponseMessage> RequestAsync(
        HttpMethod method, string path, byte[]? body, MediaTypeHeaderValue? type, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, path);
        request.Headers.Accept.Add(Media.Accept);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = type;
        }

        var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
        if (response.IsSuccessStatusCode)
        {
            return response;
        }

        using (response)
        {
            throw await RefusalAsync(response, $"{method} {path}", cancellationToken).ConfigureAwait(false);
        }
    }

    private static async Task<KubernetesException> RefusalAsync(
        HttpResponseMessage response, string request, CancellationToken cancellationToken)
    {
        var stream = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        var buffer = new byte[LongestError];
        var length = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        try
        {
            using var document = JsonDocument.Parse(buffer.AsMemory(0, length));
            return WatchDecoder.Refusal(document.RootElement, response.StatusCode, request);
        }
        catch (JsonException)
        {
            var text = System.Text.Encoding.UTF8.GetString(buffer, 0, Math.Min(length, 200)).Trim();
            return new KubernetesException(response.StatusCode, response.ReasonPhrase ?? response.StatusCode.ToString(), text, request);
        }
    }
}

/// <summary>Media types of requests.</summary>
internal static class Media
{
    public static readonly MediaTypeHeaderValue Json = new("application/json");
    public static readonly MediaTypeWithQualityHeaderValue Accept = new("application/json");

    public static MediaTypeHeaderValue Of(PatchType type) => new(type switch
    {
        PatchType.Json => "application/json-patch+json",
        PatchType.Merge => "application/merge-patch+json",
        PatchType.StrategicMerge => "application/strategic-merge-patch+json",
        // JSON is YAML; every server that knows apply takes this type.
        PatchType.Apply => "application/apply-patch+yaml",
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    });
}
