using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Ambient.Sandbox.Echo;

/// <summary>Where the echo server listens; 0 leaves a protocol out.</summary>
public sealed record EchoOptions
{
    /// <summary>HTTP/1.1 and WebSocket.</summary>
    public int Http { get; init; } = 8080;

    /// <summary>HTTP/2 without TLS (prior knowledge), also for gRPC.</summary>
    public int Http2 { get; init; } = 8081;

    /// <summary>HTTP/1.1 and HTTP/2 over TLS, with a certificate made at start.</summary>
    public int Https { get; init; } = 8443;

    /// <summary>Raw TCP: greets, then sends back every byte.</summary>
    public int Tcp { get; init; } = 9090;
}

/// <summary>The image <c>ambient/echo</c>: answers with what it saw, in every protocol that meshes carry.</summary>
public static class EchoServer
{
    /// <summary>Serves until it is told to end (SIGTERM, SIGINT or the token).</summary>
    public static async Task RunAsync(EchoOptions options, CancellationToken ct)
    {
        await using var app = Build(options);
        await app.RunAsync(ct);
    }

    /// <summary>A server that is ready to start; tests start it on ports of their own.</summary>
    internal static WebApplication Build(EchoOptions options)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(1));
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => Listen(kestrel, options));
        var app = builder.Build();
        app.UseWebSockets();
        app.Run(EchoAnswers.AnswerAsync);
        return app;
    }

    private static void Listen(KestrelServerOptions kestrel, EchoOptions options)
    {
        if (options.Http > 0)
        {
            kestrel.Listen(Any(options.Http), listen => listen.Protocols = HttpProtocols.Http1);
        }

        if (options.Http2 > 0)
        {
            kestrel.Listen(Any(options.Http2), listen => listen.Protocols = HttpProtocols.Http2);
        }

        if (options.Https > 0)
        {
            kestrel.Listen(Any(options.Https), listen =>
            {
                listen.Protocols = HttpProtocols.Http1AndHttp2;
                listen.UseHttps(SelfSigned());
            });
        }

        if (options.Tcp > 0)
        {
            kestrel.Listen(Any(options.Tcp), listen => listen.Run(EchoAnswers.EchoBytesAsync));
        }
    }

    /// <summary>Both families where the machine has both.</summary>
    private static IPEndPoint Any(int port) =>
        new(System.Net.Sockets.Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any, port);

    private static X509Certificate2 SelfSigned()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={Environment.MachineName}", key, HashAlgorithmName.SHA256);
        var now = TimeProvider.System.GetUtcNow();
        return request.CreateSelfSigned(now.AddDays(-1), now.AddYears(1));
    }
}
