using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Ambient.Api.Certificates;
using Ambient.Xds.Grpc;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ambient.Xds.Tests.Grpc;

public sealed class TlsTests : IAsyncLifetime
{
    private readonly TestAuthority _mesh = new("mesh");
    private readonly TestAuthority _other = new("other");
    private X509Certificate2 _shown = null!;
    private GrpcServer _server = null!;

    public async Task InitializeAsync()
    {
        _shown = _mesh.Issue("127.0.0.1");
        _server = new GrpcServer(
            [new GrpcListener(new IPEndPoint(IPAddress.Loopback, 0), _ => new(new SslServerAuthenticationOptions { ServerCertificate = Volatile.Read(ref _shown) }))],
            NullLoggerFactory.Instance)
            .Unary(GrpcMethods.CreateCertificate, (request, context) => Task.FromResult(new IstioCertificateResponse { CertChain = { context.Http.Request.Protocol } }));
        await _server.StartAsync(default);
    }

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        _mesh.Dispose();
        _other.Dispose();
    }

    [Fact]
    public async Task A_server_with_the_right_root_and_name_is_trusted() => Assert.Equal("HTTP/2", await CallAsync([_mesh.Root, _other.Root]));

    [Fact]
    public async Task Another_root_is_refused_with_the_reason()
    {
        var failure = await Assert.ThrowsAsync<GrpcException>(() => CallAsync([_other.Root]));
        Assert.Equal(GrpcStatus.Unavailable, failure.Status);
        Assert.Contains($"TLS with https://127.0.0.1:{_server.EndPoints[0].Port}/ failed: the server's certificate does not chain to the 1 configured roots: ", failure.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_roots_of_the_system_do_not_trust_a_mesh()
    {
        using var channel = new GrpcChannel(new Uri($"https://127.0.0.1:{_server.EndPoints[0].Port}"));
        var failure = await Assert.ThrowsAsync<GrpcException>(() => CallAsync(channel));
        Assert.Contains("does not chain to the roots of the system", failure.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_name_is_refused_unless_it_is_the_alternative()
    {
        _shown = _mesh.Issue("istiod.istio-system.svc");
        var failure = await Assert.ThrowsAsync<GrpcException>(() => CallAsync([_mesh.Root]));
        Assert.Contains("the server's certificate is for istiod.istio-system.svc and not for 127.0.0.1", failure.Detail, StringComparison.Ordinal);
        failure = await Assert.ThrowsAsync<GrpcException>(() => CallAsync([_mesh.Root], "istiod.other.svc"));
        Assert.Contains("is for istiod.istio-system.svc and not for 127.0.0.1 or istiod.other.svc", failure.Detail, StringComparison.Ordinal);
        Assert.Equal("HTTP/2", await CallAsync([_mesh.Root], "istiod.istio-system.svc"));
    }

    [Fact]
    public async Task Roots_are_read_again_for_each_connection()
    {
        X509Certificate2Collection roots = [_other.Root];
        var asked = 0;
        using var channel = Channel(() =>
        {
            asked++;
            return roots;
        });
        await Assert.ThrowsAsync<GrpcException>(() => CallAsync(channel));
        roots = [_mesh.Root];
        Assert.Equal("HTTP/2", await CallAsync(channel));
        Assert.Equal("HTTP/2", await CallAsync(channel));
        Assert.Equal(2, asked);
    }

    [Fact]
    public async Task A_server_that_never_finishes_the_handshake_is_given_up()
    {
        using var silent = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        using var channel = new GrpcChannel(
            new Uri($"https://{silent.LocalEndpoint}"), new GrpcChannelOptions { ConnectTimeout = TimeSpan.FromMilliseconds(300) });
        var failure = await Assert.ThrowsAsync<GrpcException>(() => CallAsync(channel));
        Assert.Equal(GrpcStatus.Unavailable, failure.Status);
        Assert.Contains("it did not answer in time", failure.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_address_in_use_is_named_with_the_remedy()
    {
        await using var second = new GrpcServer([new GrpcListener(_server.EndPoints[0])], NullLoggerFactory.Instance);
        var failure = await Assert.ThrowsAsync<IOException>(() => second.StartAsync(default));
        Assert.StartsWith($"The gRPC server cannot listen on {_server.EndPoints[0]}: ", failure.Message, StringComparison.Ordinal);
    }

    private async Task<string> CallAsync(X509Certificate2Collection roots, string? alternative = null)
    {
        using var channel = Channel(() => roots, alternative);
        return await CallAsync(channel);
    }

    private static async Task<string> CallAsync(GrpcChannel channel) =>
        (await channel.UnaryAsync(GrpcMethods.CreateCertificate, new IstioCertificateRequest()).WaitAsync(TimeSpan.FromSeconds(10))).CertChain[0];

    private GrpcChannel Channel(Func<X509Certificate2Collection> roots, string? alternative = null) => new(
        new Uri($"https://127.0.0.1:{_server.EndPoints[0].Port}"),
        new GrpcChannelOptions { RootCertificates = _ => new(roots()), AlternativeHostname = alternative });
}
