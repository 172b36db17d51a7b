using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Ambient.ApiServer.Http;
using Ambient.Kubernetes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ambient.ApiServer;

/// <summary>
/// An embedded Kubernetes API server: kubectl, informers and controllers use it as they use the real one. State is in
/// memory and ends with it.
/// </summary>
public sealed class ApiServer : IAsyncDisposable
{
    /// <summary>Watches of a big sandbox: some dozen for each node over few connections.</summary>
    private const int MostStreams = 1000;

    private readonly WebApplication _app;
    private readonly ServerState _state;

    private ApiServer(WebApplication app, ServerState state, string adminToken)
    {
        _app = app;
        _state = state;
        AdminToken = adminToken;
    }

    /// <summary>The base address, with the first listener's address and its real port.</summary>
    public Uri Url { get; private set; } = new("https://invalid");

    /// <summary>The certificate that vouches for the server, as PEM.</summary>
    public string CertificateAuthorityPem => _state.Certificates.AuthorityPem;

    /// <summary>A bearer token that may do everything.</summary>
    public string AdminToken { get; }

    /// <summary>The administrator's client configuration.</summary>
    public KubeConfig AdminConfig => KubeConfig.Parse(AdminKubeconfig());

    /// <summary>Starts a server; it answers when the task is done.</summary>
    public static async Task<ApiServer> StartAsync(
        ApiServerOptions? options = null, ILoggerFactory? loggers = null, CancellationToken cancellationToken = default)
    {
        options ??= new();
        loggers ??= NullLoggerFactory.Instance;
        var adminToken = Convert.ToHexString(RandomNumberGenerator.GetBytes(32)).ToLowerInvariant();
        var state = new ServerState(options, adminToken);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(loggers);
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => Configure(kestrel, state));
        var app = builder.Build();
        app.UseWebSockets(new() { KeepAliveInterval = TimeSpan.FromSeconds(30) });
        var dispatcher = new Dispatcher(state, loggers.CreateLogger("apiserver"));
        app.Run(dispatcher.HandleAsync);
        var server = new ApiServer(app, state, adminToken);
        try
        {
            Bootstrap.Run(state);
            await app.StartAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        var port = new Uri(app.Urls.First()).Port;
        var address = options.Listen[0].Address;
        var host = address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any) ? IPAddress.Loopback : address;
        server.Url = new Uri($"https://{new IPEndPoint(host, port)}");
        return server;
    }

    /// <summary>The text of a kubeconfig for the administrator.</summary>
    /// <param name="url">How the user reaches the server; null means <see cref="Url"/>.</param>
    public string AdminKubeconfig(Uri? url = null)
    {
        var (certificate, key) = _state.Certificates.Client(Auth.User.Admin.Name, [Auth.User.AdminGroup]);
        return Kubeconfig(url ?? Url, new JsonObject
        {
            ["client-certificate-data"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(certificate)),
            ["client-key-data"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(key)),
        });
    }

    /// <summary>The text of a kubeconfig for somebody with a token in a file that is rewritten from time to time.</summary>
    /// <param name="tokenFile">The file.</param>
    /// <param name="url">How they reach the server; null means <see cref="Url"/>.</param>
    public string TokenKubeconfig(string tokenFile, Uri? url = null) =>
        Kubeconfig(url ?? Url, new JsonObject { ["tokenFile"] = tokenFile });

    /// <summary>Stops the server; watches end.</summary>
    public async Task StopAsync(CancellationToken cancellationToken = default)
    {
        await _state.Stopping.CancelAsync().ConfigureAwait(false);
        await _app.StopAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _state.Stopping.CancelAsync().ConfigureAwait(false);
        await _app.DisposeAsync().ConfigureAwait(false);
        _state.Dispose();
    }

    private static void Configure(KestrelServerOptions kestrel, ServerState state)
    {
        var options = state.Options;
        var addresses = options.Listen.Select(point => point.Address)
            .Concat(options.CertificateAddresses)
            .Concat([IPAddress.Loopback, IPAddress.IPv6Loopback])
            .Concat(options.ServiceRanges.Select(FirstAddress));
        string[] names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"];
        var certificate = state.Certificates.Serving(addresses, [.. names, .. options.CertificateNames]);
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = 16 * 1024 * 1024;
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Limits.Http2.MaxStreamsPerConnection = MostStreams;
        foreach (var point in options.Listen)
        {
            kestrel.Listen(point, listener => listener.UseHttps(https =>
            {
                https.ServerCertificate = certificate;
                https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
                // Whose certificate it is, the authenticator finds out: one that is not ours is answered 401, not a broken handshake.
                https.AllowAnyClientCertificate();
            }));
        }
    }

    /// <summary>The service address of <c>kubernetes.default</c>: the first of each range.</summary>
    internal static IPAddress FirstAddress(IPNetwork range)
    {
        var bytes = range.BaseAddress.GetAddressBytes();
        bytes[^1]++;
        return new IPAddress(bytes);
    }

    private string Kubeconfig(Uri url, JsonObject user)
    {
        var config = new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Config",
            ["current-context"] = "ambient",
            ["contexts"] = new JsonArray(new JsonObject
            {
                ["name"] = "ambient",
                ["context"] = new JsonObject { ["cluster"] = "ambient", ["user"] = "ambient" },
            }),
            ["clusters"] = new JsonArray(new JsonObject
            {
                ["name"] = "ambient",
                ["cluster"] = new JsonObject
                {
                    ["server"] = url.GetLeftPart(UriPartial.Authority),
                    ["certificate-authority-data"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(CertificateAuthorityPem)),
                },
            }),
            ["users"] = new JsonArray(new JsonObject { ["name"] = "ambient", ["user"] = user }),
        };
        return Json.Text(config) + "\n";
    }
}
