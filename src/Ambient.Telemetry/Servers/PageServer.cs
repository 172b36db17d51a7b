using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Ambient.Telemetry.Servers;

/// <summary>
/// A small HTTP/1.1 server of pages by exact path: Kestrel without a host, so that a process can have several and none of them
/// listens to signals. Unknown paths answer 404, other methods than the page's 405.
/// </summary>
public sealed class PageServer : IHttpApplication<HttpContext>, IAsyncDisposable
{
    /// <summary>Scrapers, probes and people; more at a time is a mistake or an attack.</summary>
    private const int MaxConnections = 64;

    /// <summary>No page reads a body; what is sent nevertheless is read this far so that the connection can go on.</summary>
    private const int MaxBodyBytes = 64 * 1024;

    private readonly Dictionary<string, Page> _pages = new(StringComparer.Ordinal);
    private readonly string _name;
    private readonly ILogger _logger;
    private readonly KestrelServer _server;
    private readonly ListenAddress _address;

    /// <summary>A server that does not listen yet. <paramref name="name"/> is for error messages.</summary>
    public PageServer(string name, ListenAddress address, ILoggerFactory loggers)
    {
        _name = name;
        _address = address;
        _logger = loggers.CreateLogger<PageServer>();
        var options = new KestrelServerOptions { AddServerHeader = false };
        options.Limits.MaxConcurrentConnections = MaxConnections;
        options.Limits.MaxRequestBodySize = MaxBodyBytes;
        options.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(5);
        foreach (var endpoint in address.EndPoints)
        {
            options.Listen(endpoint, listen => listen.Protocols = HttpProtocols.Http1);
        }

        var transport = new SocketTransportFactory(Options.Create(new SocketTransportOptions()), loggers);
        _server = new KestrelServer(Options.Create(options), transport, loggers);
    }

    /// <summary>Where it listens, with the ports that were chosen for port 0; empty before the start.</summary>
    public IReadOnlyList<IPEndPoint> EndPoints =>
        [.. (_server.Features.Get<IServerAddressesFeature>()?.Addresses ?? []).Select(url =>
        {
            var uri = new Uri(url);
            return new IPEndPoint(IPAddress.Parse(uri.Host), uri.Port);
        })];

    /// <summary>The pages by path, in order of registration.</summary>
    internal IEnumerable<KeyValuePair<string, Page>> Pages => _pages;

    /// <summary>Adds a page for GET and HEAD.</summary>
    public PageServer Get(string path, string description, RequestDelegate handler) => Add(path, new Page(["GET", "HEAD"], description, handler));

    /// <summary>Adds a page for POST.</summary>
    public PageServer Post(string path, string description, RequestDelegate handler) => Add(path, new Page(["POST"], description, handler));

    /// <summary>Listens. Add pages before.</summary>
    /// <exception cref="IOException">Names the address that cannot be bound.</exception>
    public async Task StartAsync(CancellationToken cancellation)
    {
        try
        {
            await _server.StartAsync(this, cancellation);
        }
        catch (Exception failure) when (failure is IOException or System.Net.Sockets.SocketException or InvalidOperationException)
        {
            throw new IOException(
                $"The {_name} server cannot listen on {string.Join(" and ", _address.EndPoints)}: {failure.Message} "
                + "Free the port or configure another address.", failure);
        }
    }

    /// <summary>Stops listening; requests in progress get a moment to end.</summary>
    public async ValueTask DisposeAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await _server.StopAsync(patience.Token);
        _server.Dispose();
    }

    HttpContext IHttpApplication<HttpContext>.CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

    void IHttpApplication<HttpContext>.DisposeContext(HttpContext context, Exception? exception)
    {
        // The context owns nothing.
    }

    async Task IHttpApplication<HttpContext>.ProcessRequestAsync(HttpContext context)
    {
        var path = context.Request.Path.Value ?? "/";
        if (!_pages.TryGetValue(path, out var page))
        {
            await AnswerAsync(context, StatusCodes.Status404NotFound, $"There is no page {path} here.\n");
            return;
        }

        if (!page.Methods.Contains(context.Request.Method))
        {
            context.Response.Headers.Allow = string.Join(", ", page.Methods);
            await AnswerAsync(context, StatusCodes.Status405MethodNotAllowed, $"{path} takes {string.Join(" or ", page.Methods)}: {page.Description}.\n");
            return;
        }

        try
        {
            await page.Handler(context);
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            Log.PageFailed(_logger, failure, _name, path);
            if (!context.Response.HasStarted)
            {
                await AnswerAsync(context, StatusCodes.Status500InternalServerError, $"{path} failed: {failure.Message}\n");
            }
            else
            {
                context.Abort();
            }
        }
    }

    /// <summary>Answers with text.</summary>
    public static Task AnswerAsync(HttpContext context, int status, string text, string contentType = "text/plain; charset=utf-8")
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = contentType;
        var body = System.Text.Encoding.UTF8.GetBytes(text);
        context.Response.Headers.ContentLength = body.Length;
        context.Response.Headers.CacheControl = "no-store";
        return context.Request.Method == "HEAD" ? Task.CompletedTask : context.Response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    private PageServer Add(string path, Page page)
    {
        if (!path.StartsWith('/') || !_pages.TryAdd(path, page))
        {
            throw new InvalidOperationException(string.Create(
                CultureInfo.InvariantCulture, $"Page '{path}' of the {_name} server must start with / and be added once."));
        }

        return this;
    }
}

/// <summary>What stands at a path.</summary>
internal sealed record Page(string[] Methods, string Description, RequestDelegate Handler);
