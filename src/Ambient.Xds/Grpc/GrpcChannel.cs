using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Google.Protobuf;

namespace Ambient.Xds.Grpc;

/// <summary>
/// Calls to one server over one HTTP/2 connection, which is made at the first call and again when it is lost. An address of scheme
/// <c>https</c> means TLS, <c>http</c> means cleartext HTTP/2.
/// </summary>
public sealed class GrpcChannel : IDisposable
{
    private static readonly MediaTypeHeaderValue ContentType = new("application/grpc");

    private readonly GrpcChannelOptions _options;
    private readonly ServerCertificateCheck _certificates;
    private readonly HttpMessageInvoker _http;

    /// <summary>A channel to <paramref name="address"/>; nothing is connected yet.</summary>
    public GrpcChannel(Uri address, GrpcChannelOptions? options = null)
    {
        if (!address.IsAbsoluteUri || address.Scheme is not ("http" or "https"))
        {
            throw new ArgumentException($"'{address}' is not the address of a gRPC server: write https://HOST:PORT or http://HOST:PORT.", nameof(address));
        }

        Address = address;
        _options = options ?? new GrpcChannelOptions();
        _certificates = new ServerCertificateCheck(address.Host, _options.AlternativeHostname);
        _http = new HttpMessageInvoker(CreateHandler());
    }

    /// <summary>The server.</summary>
    public Uri Address { get; }

    /// <summary>Sends one request and waits for one response.</summary>
    /// <exception cref="GrpcException">The call failed.</exception>
    public async Task<TResponse> UnaryAsync<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method, TRequest request, TimeSpan? timeout = null, CancellationToken cancellation = default)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>
    {
        await using var call = await StartAsync(method, timeout, cancellation);
        await call.WriteAsync(request, cancellation);
        call.Complete();
        var response = await call.ReadAsync(cancellation) ?? throw new GrpcException(
            GrpcStatus.Internal, $"{method.Path} at {Address} ended with success and without a response");
        return await call.ReadAsync(cancellation) is null ? response : throw new GrpcException(
            GrpcStatus.Internal, $"{method.Path} at {Address} sent more than one response");
    }

    /// <summary>Opens a stream in both directions. Dispose the call to end it.</summary>
    public Task<DuplexCall<TRequest, TResponse>> DuplexAsync<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method, CancellationToken cancellation = default)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> => StartAsync(method, timeout: null, cancellation);

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    internal GrpcException Explain(Exception failure) => CallFailure.Explain(failure, Address, _certificates.Problem);

    private async Task<DuplexCall<TRequest, TResponse>> StartAsync<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method, TimeSpan? timeout, CancellationToken cancellation)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>
    {
        var content = new StreamedContent();
        content.Headers.ContentType = ContentType;
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri(Address, method.Path))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        request.Headers.TryAddWithoutValidation("user-agent", "ambient-grpc");
        if (timeout is not null)
        {
            request.Headers.TryAddWithoutValidation("grpc-timeout", StatusText.Timeout(timeout.Value));
        }

        foreach (var (name, value) in await ReadMetadataAsync(cancellation))
        {
            if (!request.Headers.TryAddWithoutValidation(name, value))
            {
                throw new GrpcException(GrpcStatus.InvalidArgument, $"'{name}' cannot be the name of a gRPC header");
            }
        }

        return new DuplexCall<TRequest, TResponse>(this, _http, request, content, method, _options.MaxReceiveBytes, timeout);
    }

    private async ValueTask<IReadOnlyList<KeyValuePair<string, string>>> ReadMetadataAsync(CancellationToken cancellation)
    {
        try
        {
            return _options.Metadata is null ? [] : await _options.Metadata(cancellation);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // A token that is not there yet, for instance: trying again may help, as with a server that is not there.
            throw new GrpcException(GrpcStatus.Unavailable, $"the headers for {Address} cannot be made: {failure.Message}", failure);
        }
    }

    private SocketsHttpHandler CreateHandler() => new()
    {
        // The control plane is reached directly, whatever proxy the environment names for others.
        UseProxy = false,
        UseCookies = false,
        AllowAutoRedirect = false,
        ActivityHeadersPropagator = null,
        AutomaticDecompression = DecompressionMethods.None,
        ConnectTimeout = _options.ConnectTimeout,
        KeepAlivePingDelay = _options.KeepAliveDelay,
        KeepAlivePingTimeout = _options.KeepAliveTimeout,
        KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
        ConnectCallback = ConnectAsync,
        SslOptions = new SslClientAuthenticationOptions
        {
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            RemoteCertificateValidationCallback = _certificates.Accepts,
        },
    };

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellation)
    {
        if (_options.RootCertificates is not null)
        {
            _certificates.Roots = await _options.RootCertificates(cancellation);
        }

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(context.DnsEndPoint, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
