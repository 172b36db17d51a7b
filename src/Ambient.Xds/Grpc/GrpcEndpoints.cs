using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Logging;

namespace Ambient.Xds.Grpc;

/// <summary>Answers one request with one response.</summary>
public delegate Task<TResponse> UnaryHandler<TRequest, TResponse>(TRequest request, ServerCallContext context)
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>;

/// <summary>Serves a stream in both directions; it ends with success when the handler returns.</summary>
public delegate Task DuplexHandler<TRequest, TResponse>(
    MessageReader<TRequest> requests, MessageWriter<TResponse> responses, ServerCallContext context)
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>;

/// <summary>gRPC methods as handlers of Kestrel.</summary>
public static class GrpcEndpoints
{
    /// <summary>The usual limit of gRPC servers.</summary>
    public const int DefaultMaxReceiveBytes = 4 * 1024 * 1024;

    /// <summary>Adds a method with one request and one response.</summary>
    public static IEndpointConventionBuilder MapUnary<TRequest, TResponse>(
        this IEndpointRouteBuilder endpoints, GrpcMethod<TRequest, TResponse> method, UnaryHandler<TRequest, TResponse> handler,
        ILogger logger, int maxReceiveBytes = DefaultMaxReceiveBytes)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> => endpoints.Map(method.Path, Unary(method, handler, logger, maxReceiveBytes));

    /// <summary>Adds a method that streams in both directions.</summary>
    public static IEndpointConventionBuilder MapDuplex<TRequest, TResponse>(
        this IEndpointRouteBuilder endpoints, GrpcMethod<TRequest, TResponse> method, DuplexHandler<TRequest, TResponse> handler,
        ILogger logger, int maxReceiveBytes = DefaultMaxReceiveBytes)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> => endpoints.Map(method.Path, Duplex(method, handler, logger, maxReceiveBytes));

    /// <summary>A method with one request and one response.</summary>
    public static RequestDelegate Unary<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method, UnaryHandler<TRequest, TResponse> handler, ILogger logger,
        int maxReceiveBytes = DefaultMaxReceiveBytes)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> => Duplex(method, async (requests, responses, context) =>
        {
            var request = await requests.ReadAsync(context.Cancellation)
                ?? throw new GrpcException(GrpcStatus.InvalidArgument, $"{method.Path} needs a request and got none");
            var response = await handler(request, context);
            await responses.WriteAsync(response, context.Cancellation);
        }, logger, maxReceiveBytes);

    /// <summary>A method that streams in both directions.</summary>
    public static RequestDelegate Duplex<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method, DuplexHandler<TRequest, TResponse> handler, ILogger logger,
        int maxReceiveBytes = DefaultMaxReceiveBytes)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> => async http =>
        {
            if (!IsGrpc(http))
            {
                await RefuseAsync(http);
                return;
            }

            LiftLimitsOfBodies(http);
            http.Response.ContentType = "application/grpc";
            using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
            var timeout = ReadTimeout(http);
            if (timeout is not null)
            {
                cancellation.CancelAfter(timeout.Value);
            }

            var responses = new MessageWriter<TResponse>(http.Response.BodyWriter, http.Response.StartAsync);
            var (status, detail) = await ServeAsync();
            if (responses.IsInsideMessage)
            {
                http.Abort();
            }
            else if (!http.RequestAborted.IsCancellationRequested)
            {
                End(http, status, detail);
                await http.Response.CompleteAsync();
            }

            async Task<(GrpcStatus Status, string Detail)> ServeAsync()
            {
                try
                {
                    await handler(
                        new MessageReader<TRequest>(http.Request.BodyReader, method.RequestParser, maxReceiveBytes),
                        responses,
                        new ServerCallContext(http, cancellation.Token));
                    return (GrpcStatus.Ok, "");
                }
                catch (GrpcException refused)
                {
                    return (refused.Status, refused.Detail);
                }
                catch (Exception) when (http.RequestAborted.IsCancellationRequested)
                {
                    return (GrpcStatus.Cancelled, "the client went away");
                }
                catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
                {
                    return (GrpcStatus.DeadlineExceeded, $"{method.Path} did not end within {timeout}");
                }
                catch (Exception failure)
                {
                    Log.HandlerFailed(logger, failure, method.Path);
                    return (GrpcStatus.Internal, $"{method.Path} failed; the log of the server says why");
                }
            }
        };

    /// <summary>Ends a call: in trailers, or in the only headers if nothing was sent.</summary>
    internal static void End(HttpContext http, GrpcStatus status, string detail)
    {
        if (!http.Response.HasStarted)
        {
            // A call without response has its status in its headers ("Trailers-Only").
            http.Response.ContentType = "application/grpc";
            http.Response.Headers["grpc-status"] = StatusText.Number(status);
            if (detail.Length > 0)
            {
                http.Response.Headers["grpc-message"] = StatusText.Encode(detail);
            }

            return;
        }

        http.Response.AppendTrailer("grpc-status", StatusText.Number(status));
        if (detail.Length > 0)
        {
            http.Response.AppendTrailer("grpc-message", StatusText.Encode(detail));
        }
    }

    private static bool IsGrpc(HttpContext http) =>
        HttpProtocol.IsHttp2(http.Request.Protocol)
        && HttpMethods.IsPost(http.Request.Method)
        && http.Request.ContentType is { } type
        && (type == "application/grpc" || type.StartsWith("application/grpc+proto", StringComparison.Ordinal) || type.StartsWith("application/grpc;", StringComparison.Ordinal));

    private static async Task RefuseAsync(HttpContext http)
    {
        http.Response.StatusCode = !HttpProtocol.IsHttp2(http.Request.Protocol) ? StatusCodes.Status426UpgradeRequired
            : HttpMethods.IsPost(http.Request.Method) ? StatusCodes.Status415UnsupportedMediaType
            : StatusCodes.Status405MethodNotAllowed;
        http.Response.ContentType = "text/plain; charset=utf-8";
        await http.Response.WriteAsync($"{http.Request.Path} is a gRPC method: POST over HTTP/2 with content type application/grpc.\n");
    }

    /// <summary>Each message is bounded; a stream of them is as long and as quiet as it likes.</summary>
    private static void LiftLimitsOfBodies(HttpContext http)
    {
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = null;
        }

        if (http.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null;
        }
    }

    private static TimeSpan? ReadTimeout(HttpContext http)
    {
        var timeout = http.Request.Headers.TryGetValue("grpc-timeout", out var text) ? StatusText.ParseTimeout(text.ToString()) : null;

        // Timers end somewhat below 50 days; who waits longer waits without end.
        return timeout < TimeSpan.FromDays(40) ? timeout : null;
    }
}
