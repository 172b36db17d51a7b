using Ambient.Api.Certificates;
using Ambient.Api.Discovery;
using Ambient.Xds.Grpc;

namespace Ambient.Xds.Tests.Grpc;

/// <summary>Our client against a server made of Node's http2.</summary>
public sealed class NodeServerTests(NodeServerTests.Server server) : IClassFixture<NodeServerTests.Server>
{
    [Fact]
    public async Task A_unary_call_sends_what_gRPC_asks_for_and_reads_an_answer_in_single_bytes()
    {
        using var channel = Channel("echo", ("authorization", "Bearer secret"), ("clusterid", "Kubernetes"));
        var csr = new string('x', 300);
        var response = await channel.UnaryAsync(GrpcMethods.CreateCertificate, new IstioCertificateRequest { Csr = csr }, TimeSpan.FromSeconds(7)).WaitAsync(Limit);
        Assert.EndsWith(csr, response.CertChain[0], StringComparison.Ordinal);
        Assert.Matches(
            $@"^content-type=application/grpc te=trailers :method=POST :path=/istio.v1.auth.IstioCertificateService/CreateCertificate :authority=127.0.0.1:{server.Port} :scheme=http authorization=Bearer secret clusterid=Kubernetes grpc-timeout=(7000|69\d\d)m$",
            response.CertChain[1]);
    }

    [Theory]
    [InlineData("refuse", GrpcStatus.PermissionDenied, "not you, é% %zz")]
    [InlineData("late", GrpcStatus.FailedPrecondition, "after the answer")]
    [InlineData("nostatus", GrpcStatus.Unknown, "ended /istio.v1.auth.IstioCertificateService/CreateCertificate without a status")]
    [InlineData("none", GrpcStatus.Internal, "ended with success and without a response")]
    [InlineData("two", GrpcStatus.Internal, "sent more than one response")]
    [InlineData("cut", GrpcStatus.Internal, "the stream ended 50 bytes into a message of type IstioCertificateResponse")]
    [InlineData("garbage", GrpcStatus.Internal, "a message of type IstioCertificateResponse cannot be decoded")]
    [InlineData("compressed", GrpcStatus.Unimplemented, "the message is compressed")]
    [InlineData("huge", GrpcStatus.ResourceExhausted, "has 2147483647 bytes; the limit here is 4194304")]
    [InlineData("unknownstatus", GrpcStatus.Unknown, "from the future")]
    [InlineData("http503", GrpcStatus.Unavailable, "with HTTP status 503 and content type text/html: is it a gRPC server?")]
    [InlineData("html", GrpcStatus.Unknown, "with HTTP status 200 and content type text/html: is it a gRPC server?")]
    [InlineData("reset", GrpcStatus.ResourceExhausted, "broke off")]
    [InlineData("refusedstream", GrpcStatus.Unavailable, "broke off")]
    [InlineData("goaway", GrpcStatus.Unavailable, "broke off")]
    public async Task Every_way_to_fail_has_its_status(string name, GrpcStatus status, string detail)
    {
        using var channel = Channel(name);
        var failure = await Assert.ThrowsAsync<GrpcException>(
            () => channel.UnaryAsync(GrpcMethods.CreateCertificate, new IstioCertificateRequest { Csr = "a" }).WaitAsync(Limit));
        Assert.Equal(status, failure.Status);
        Assert.Contains(detail, failure.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_deadline_ends_a_call_that_is_not_answered()
    {
        using var channel = Channel("silent");
        var failure = await Assert.ThrowsAsync<GrpcException>(() => channel.UnaryAsync(
            GrpcMethods.CreateCertificate, new IstioCertificateRequest(), TimeSpan.FromMilliseconds(200)).WaitAsync(Limit));
        Assert.Equal(GrpcStatus.DeadlineExceeded, failure.Status);
    }

    [Fact]
    public async Task A_caller_can_give_up()
    {
        using var channel = Channel("silent");
        using var given = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => channel.UnaryAsync(
            GrpcMethods.CreateCertificate, new IstioCertificateRequest(), cancellation: given.Token).WaitAsync(Limit));
    }

    [Fact]
    public async Task A_stream_carries_messages_both_ways_until_the_client_ends_it()
    {
        using var channel = Channel("duplex");
        await using var call = await channel.DuplexAsync(GrpcMethods.DeltaAggregatedResources);
        for (var turn = 0; turn < 20; turn++)
        {
            // Field 6 is the nonce of a request and a removed name of a response.
            var text = new string('t', turn * 1000);
            await call.WriteAsync(new DeltaDiscoveryRequest { ResponseNonce = text }).AsTask().WaitAsync(Limit);
            var echoed = (await call.ReadAsync().AsTask().WaitAsync(Limit))!;
            Assert.Equal(turn == 0 ? [] : [text], echoed.RemovedResources);
        }

        call.Complete();
        Assert.Null(await call.ReadAsync().AsTask().WaitAsync(Limit));
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_named()
    {
        using var channel = new GrpcChannel(new Uri("http://127.0.0.1:1"));
        var failure = await Assert.ThrowsAsync<GrpcException>(() => channel.UnaryAsync(GrpcMethods.CreateCertificate, new IstioCertificateRequest()).WaitAsync(Limit));
        Assert.Equal(GrpcStatus.Unavailable, failure.Status);
        Assert.Equal("cannot connect to http://127.0.0.1:1/: Connection refused", failure.Detail);
    }

    [Theory]
    [InlineData("istiod:15012")]
    [InlineData("/path")]
    public void An_address_without_scheme_is_refused(string address) =>
        Assert.Contains("write https://HOST:PORT or http://HOST:PORT", Assert.Throws<ArgumentException>(() => new GrpcChannel(new Uri(address, UriKind.RelativeOrAbsolute))).Message, StringComparison.Ordinal);

    private static TimeSpan Limit => TimeSpan.FromSeconds(10);

    private GrpcChannel Channel(string name, params (string Name, string Value)[] headers) => new(
        new Uri($"http://127.0.0.1:{server.Port}"),
        new GrpcChannelOptions
        {
            Metadata = _ => new([KeyValuePair.Create("x-case", name), .. headers.Select(header => KeyValuePair.Create(header.Name, header.Value))]),
        });

    public sealed class Server : IAsyncLifetime
    {
        private NodePeer? _node;

        public string Port { get; private set; } = "";

        public async Task InitializeAsync()
        {
            _node = new NodePeer("grpc-server.mjs");
            Port = await _node.ReadLineAsync();
        }

        public Task DisposeAsync()
        {
            _node?.Dispose();
            return Task.CompletedTask;
        }
    }
}
