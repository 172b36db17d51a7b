using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Google.Protobuf;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Ambient.Xds.Grpc;

/// <summary>Where a gRPC server listens, and with which TLS.</summary>
/// <param name="EndPoint">Address and port; port 0 chooses one.</param>
/// <param name="Tls">Asked at every handshake, so that a new certificate takes effect at once; null means cleartext.</param>
public sealed record GrpcListener(IPEndPoint EndPoint, Func<CancellationToken, ValueTask<SslServerAuthenticationOptions>>? Tls = null);

/// <summary>A server of gRPC methods: Kestrel, HTTP/2 only, without a host around it.</summary>
public sealed class GrpcServer : IHttpApplication<HttpContext>, IAsyncDisposable
{
    /// <summary>One stream a connection is usual; a client that wants many more has another purpose.</summary>
    private const int MaxStreams = 256;

    /// <summary>Each costs a descriptor and a few kilobytes before anybody has shown who they are. Four times the nodes of the largest clusters.</summary>
    private const int MaxConnections = 20_000;

    private readonly Dictionary<string, RequestDelegate> _methods = new(StringComparer.Ordinal);
    private readonly IReadOnlyList<GrpcListener> _listeners;
    private readonly ILogger _logger;
    private readonly IServer _server;
    private readonly ServiceProvider _services;

    /// <summary>A server that does not listen yet.</summary>
    public GrpcServer(IReadOnlyList<GrpcListener> listeners, ILoggerFactory loggers)
    {
        _listeners = listeners;
        _logger = loggers.CreateLogger<GrpcServer>();
        _services = KestrelServices.Create(loggers, Configure);
        _server = _services.GetRequiredService<IServer>();
    }

    /// <summary>Where it listens, in the order of the listeners, with the ports that were chosen for port 0.</summary>
    public IReadOnlyList<IPEndPoint> EndPoints =>
        [.. (_server.Features.Get<IServerAddressesFeature>()?.Addresses ?? []).Select(url =>
        {
            var uri = new Uri(url);
            return new IPEndPoint(IPAddress.Parse(uri.Host), uri.Port);
        })];

    /// <summary>Adds a method with one request and one response; before the start.</summary>
    public GrpcServer Unary<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method, UnaryHandler<TRequest, TResponse> handler, int maxReceiveBytes = GrpcEndpoints.DefaultMaxReceiveBytes)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>
    {
        _methods.Add(method.Path, GrpcEndpoints.Unary(method, handler, _logger, maxReceiveBytes));
        return this;
    }

    /// <summary>Adds a method that streams in both directions; before the start.</summary>
    public GrpcServer Duplex<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method, DuplexHandler<TRequest, TResponse> handler, int maxReceiveBytes = GrpcEndpoints.DefaultMaxReceiveBytes)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>
    {
        _methods.Add(method.Path, GrpcEndpoints.Duplex(method, handler, _logger, maxReceiveBytes));
        return this;
    }

    /// <summary>Listens.</summary>
    /// <exception cref="IOException">Names the addresses of which one cannot be bound.</exception>
    public async Task StartAsync(CancellationToken cancellation)
    {
        try
        {
            await _server.StartAsync(this, cancellation);
        }
        catch (Exception failure) when (failure is IOException or SocketException or InvalidOperationException)
        {
            throw new IOException(
                $"The gRPC server cannot listen on {string.Join(" and ", _listeners.Select(listener => listener.EndPoint))}: {failure.Message} "
                + "Free the port or configure another address.", failure);
        }
    }

    /// <summary>Stops listening and breaks streams off after a moment.</summary>
    public async ValueTask DisposeAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _server.StopAsync(patience.Token);
        _server.Dispose();
        await _services.DisposeAsync();
    }

    private void Configure(KestrelServerOptions options)
    {
        options.AddServerHeader = false;

        // As the control planes that clients know: 30 s and 10 s; dead clients free their state.
        options.Limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(30);
        options.Limits.Http2.KeepAlivePingTimeout = TimeSpan.FromSeconds(10);
        options.Limits.Http2.MaxStreamsPerConnection = MaxStreams;
        options.Limits.MaxConcurrentConnections = MaxConnections;
        foreach (var listener in _listeners)
        {
            options.Listen(listener.EndPoint, listen =>
            {
                listen.Protocols = HttpProtocols.Http2;
                if (listener.Tls is { } tls)
                {
                    listen.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = context => tls(context.CancellationToken) });
                }
            });
        }
    }

    HttpContext IHttpApplication<HttpContext>.CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

    void IHttpApplication<HttpContext>.DisposeContext(HttpContext context, Exception? exception)
    {
        // The context owns nothing.
    }

    Task IHttpApplication<HttpContext>.ProcessRequestAsync(HttpContext context)
    {
        if (_methods.TryGetValue(context.Request.Path.Value ?? "", out var method))
        {
            return method(context);
        }

        GrpcEndpoints.End(context, GrpcStatus.Unimplemented, $"there is no method {context.Request.Path} here");
        return Task.CompletedTask;
    }
}
