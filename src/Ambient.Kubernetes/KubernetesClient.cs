using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Ambient.Api.Kubernetes;

namespace Ambient.Kubernetes;

/// <summary>
/// The Kubernetes REST API, typed by <see cref="ResourceKind{T}"/> or as JSON by path. Safe for concurrent use.
/// Every refusal is a <see cref="KubernetesException"/>; a connection that fails is an <see cref="HttpRequestException"/>.
/// The records hold the fields that the mesh knows, so <see cref="UpdateAsync"/> is for objects that are wholly ours: patch others.
/// </summary>
public sealed partial class KubernetesClient : IDisposable
{
    /// <summary>A request that is not a watch takes milliseconds; the API server itself gives up after 60 s.</summary>
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(60);

    private readonly HttpClient _http;
    private readonly TimeProvider _time;

    /// <summary>Makes a client; nothing is connected until the first request.</summary>
    public KubernetesClient(KubeConfig config, TimeProvider? time = null)
    {
        Config = config;
        _time = time ?? TimeProvider.System;
        _http = Transport.Create(config, _time);
    }

    /// <summary>What the client was made from.</summary>
    public KubeConfig Config { get; }

    /// <summary>Reads one object.</summary>
    public Task<T> GetAsync<T>(ResourceKind<T> kind, string? ns, string name, CancellationToken cancellationToken = default)
        where T : class, IResource =>
        SendAsync(HttpMethod.Get, kind.Path(ns, name), null, null, kind.Json, cancellationToken);

    /// <summary>Reads one object; null when there is none.</summary>
    public async Task<T?> FindAsync<T>(ResourceKind<T> kind, string? ns, string name, CancellationToken cancellationToken = default)
        where T : class, IResource
    {
        try
        {
            return await GetAsync(kind, ns, name, cancellationToken).ConfigureAwait(false);
        }
        catch (KubernetesException error) when (error.IsNotFound)
        {
            return null;
        }
    }

    /// <summary>Lists all objects of a namespace, or of all namespaces, page by page.</summary>
    public async Task<ResourceList<T>> ListAsync<T>(
        ResourceKind<T> kind, string? ns = null, ListOptions? options = null, CancellationToken cancellationToken = default)
        where T : class, IResource
    {
        var page = await ListPageAsync(kind, ns, options ?? new(), null, cancellationToken).ConfigureAwait(false);
        if (page.Continue is null)
        {
            return page;
        }

        var items = new List<T>(page.Items);
        while (page.Continue is not null)
        {
            page = await ListPageAsync(kind, ns, options ?? new(), page.Continue, cancellationToken).ConfigureAwait(false);
            items.AddRange(page.Items);
        }

        return page with { Items = items };
    }

    /// <summary>Lists one page.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="ns">The namespace; null means all.</param>
    /// <param name="options">What to list.</param>
    /// <param name="continuation">From the page before; null for the first.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<ResourceList<T>> ListPageAsync<T>(
        ResourceKind<T> kind, string? ns, ListOptions options, string? continuation, CancellationToken cancellationToken = default)
        where T : class, IResource
    {
        var query = new Query()
            .Add("labelSelector", options.LabelSelector)
            .Add("fieldSelector", options.FieldSelector)
            .Add("limit", options.PageSize.ToString())
            .Add("continue", continuation)
            .Add("resourceVersion", continuation is null ? options.ResourceVersion : null);
        using var limit = Deadline(cancellationToken);
        using var response = await RequestAsync(HttpMethod.Get, kind.Path(ns) + query, null, null, limit.Token).ConfigureAwait(false);
        var stream = await response.Content.ReadAsStreamAsync(limit.Token).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            using var document = await JsonDocument.ParseAsync(stream, default, limit.Token).ConfigureAwait(false);
            return ResourceList<T>.Read(document.RootElement, kind.Json);
        }
    }

    /// <summary>Creates an object in the namespace that its metadata names.</summary>
    public Task<T> CreateAsync<T>(ResourceKind<T> kind, T resource, CancellationToken cancellationToken = default)
        where T : class, IResource =>
        SendAsync(HttpMethod.Post, kind.Path(NamespaceOf(kind, resource)), Body(resource, kind.Json), Media.Json, kind.Json, cancellationToken);

    /// <summary>Replaces an object; refused as a conflict when the resource version in its metadata is not the newest.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="resource">The whole object: fields that it leaves out are removed.</param>
    /// <param name="subresource">E.g. <c>status</c>; null means the object itself.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task<T> UpdateAsync<T>(
        ResourceKind<T> kind, T resource, string? subresource = null, CancellationToken cancellationToken = default)
        where T : class, IResource =>
        SendAsync(
            HttpMethod.Put,
            Under(kind.Path(NamespaceOf(kind, resource), resource.Metadata.Name), subresource),
            Body(resource, kind.Json),
            Media.Json,
            kind.Json,
            cancellationToken);

    /// <summary>Changes part of an object.</summary>
    public Task<T> PatchAsync<T>(
        ResourceKind<T> kind,
        string? ns,
        string name,
        JsonNode patch,
        PatchType type,
        PatchOptions? options = null,
        CancellationToken cancellationToken = default)
        where T : class, IResource =>
        SendAsync(
            HttpMethod.Patch, PatchTarget(kind.Path(ns, name), options), Body(patch), Media.Of(type), kind.Json, cancellationToken);

    /// <summary>Deletes an object. It may live on until its finalizers and its grace period have passed.</summary>
    public Task DeleteAsync<T>(
        ResourceKind<T> kind, string? ns, string name, DeleteOptions? options = null, CancellationToken cancellationToken = default)
        where T : class, IResource =>
        DeleteJsonAsync(kind.Path(ns, name), options, cancellationToken);

    /// <summary>
    /// Streams changes until the server ends the watch (the enumeration just ends), the connection fails (throws
    /// <see cref="IOException"/> or <see cref="HttpRequestException"/>), or the version is too old
    /// (<see cref="KubernetesException.IsExpired"/>). Silence beyond the limit is a <see cref="TimeoutException"/>.
    /// </summary>
    public async IAsyncEnumerable<WatchEvent<T>> WatchAsync<T>(
        ResourceKind<T> kind,
        string? ns,
        WatchOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
        where T : class, IResource
    {
        options ??= new();
        var query = new Query()
            .Add("watch", "true")
            .Add("allowWatchBookmarks", "true")
            .Add("labelSelector", options.LabelSelector)
            .Add("fieldSelector", options.FieldSelector)
            .Add("resourceVersion", options.ResourceVersion)
            .Add("timeoutSeconds", ((long)options.Timeout.TotalSeconds).ToString());
        var path = kind.Path(ns) + query;
        using var watchdog = new Watchdog(options.SilenceLimit, path, _time, cancellationToken);
        using var response = await watchdog.RunAsync(token => RequestAsync(HttpMethod.Get, path, null, null, token)).ConfigureAwait(false);
        var stream = await watchdog.RunAsync(token => response.Content.ReadAsStreamAsync(token)).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            var lines = new WatchLines(stream, path);
            while (await watchdog.RunAsync(token => lines.ReadAsync(token)).ConfigureAwait(false) is { } line)
            {
                yield return WatchDecoder.Decode(line, kind.Json, path);
            }
        }
    }

    /// <summary>Closes all connections; running requests fail.</summary>
    public void Dispose() => _http.Dispose();

    private static string NamespaceOf<T>(ResourceKind<T> kind, T resource)
        where T : class, IResource =>
        resource.Metadata.Namespace ?? (kind.Namespaced
            ? throw new ArgumentException($"{resource.Kind} {resource.Metadata.Name} names no namespace.", nameof(resource))
            : "");

    private static string Under(string path, string? subresource) => subresource is null ? path : $"{path}/{subresource}";

    private static string PatchTarget(string path, PatchOptions? options) =>
        Under(path, options?.Subresource) + new Query()
            .Add("fieldManager", options?.FieldManager)
            .Add("force", options?.Force == true ? "true" : null);

    private static byte[] Body<T>(T resource, JsonTypeInfo<T> json) => JsonSerializer.SerializeToUtf8Bytes(resource, json);

    private static byte[] Body(JsonNode node) => System.Text.Encoding.UTF8.GetBytes(node.ToJsonString());

    private static CancellationTokenSource Deadline(CancellationToken cancellationToken)
    {
        var source = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        source.CancelAfter(RequestTimeout);
        return source;
    }

    private async Task<T> SendAsync<T>(
        HttpMethod method, string path, byte[]? body, MediaTypeHeaderValue? type, JsonTypeInfo<T> json, CancellationToken cancellationToken)
        where T : class
    {
        using var limit = Deadline(cancellationToken);
        using var response = await RequestAsync(method, path, body, type, limit.Token).ConfigureAwait(false);
        var stream = await response.Content.ReadAsStreamAsync(limit.Token).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            return await JsonSerializer.DeserializeAsync(stream, json, limit.Token).ConfigureAwait(false)
                ?? throw new JsonException($"{method} {path}: the answer is null.");
        }
    }
}
