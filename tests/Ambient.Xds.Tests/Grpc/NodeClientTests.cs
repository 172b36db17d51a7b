using System.Buffers.Binary;
using System.Net;
using System.Text.Json;
using Ambient.Api.Certificates;
using Ambient.Api.Discovery;
using Ambient.Xds.Grpc;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ambient.Xds.Tests.Grpc;

/// <summary>Our server against a client made of Node's http2.</summary>
public sealed class NodeClientTests : IAsyncLifetime
{
    private const string Unary = "/istio.v1.auth.IstioCertificateService/CreateCertificate";
    private const string Duplex = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

    private readonly TaskCompletionSource<bool> _cancelled = new();
    private GrpcServer _server = null!;
    private NodePeer _node = null!;

    public async Task InitializeAsync()
    {
        _server = new GrpcServer([new GrpcListener(new IPEndPoint(IPAddress.Loopback, 0))], NullLoggerFactory.Instance)
            .Unary(GrpcMethods.CreateCertificate, SignAsync, maxReceiveBytes: 1000)
            .Duplex(GrpcMethods.DeltaAggregatedResources, EchoAsync);
        await _server.StartAsync(default);
        _node = new NodePeer("grpc-client.mjs", _server.EndPoints[0].Port.ToString(System.Globalization.CultureInfo.InvariantCulture));
    }

    public async Task DisposeAsync()
    {
        _node.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task A_unary_call_is_answered_with_its_status_in_trailers()
    {
        var body = Frame(new IstioCertificateRequest { Csr = "hello" });
        var answer = await CallAsync(Unary, [body[..7], body[7..]], new() { ["authorization"] = "Bearer abc" });
        Assert.Equal("200", answer.Header(":status"));
        Assert.Equal("application/grpc", answer.Header("content-type"));
        Assert.Equal("0", answer.Trailer("grpc-status"));
        var response = IstioCertificateResponse.Parser.ParseFrom(answer.Body[5..]);
        Assert.Equal(["hello", "abc", "127.0.0.1"], response.CertChain);
        Assert.Equal(response.CalculateSize(), BinaryPrimitives.ReadInt32BigEndian(answer.Body.AsSpan(1)));
    }

    [Theory]
    [InlineData("refuse", "16", "no token%3F %E2%82%AC%25 %0A")]
    [InlineData("throw", "13", "/istio.v1.auth.IstioCertificateService/CreateCertificate failed; the log of the server says why")]
    public async Task A_failure_before_any_answer_has_its_status_in_the_headers(string csr, string status, string message)
    {
        var answer = await CallAsync(Unary, [Frame(new IstioCertificateRequest { Csr = csr })]);
        Assert.Equal("200", answer.Header(":status"));
        Assert.Equal(status, answer.Header("grpc-status"));
        Assert.Equal(message.Replace("%3F", "?", StringComparison.Ordinal), answer.Header("grpc-message"));
        Assert.Empty(answer.Body);
    }

    [Fact]
    public async Task Bad_messages_are_refused_with_their_reason()
    {
        var big = await CallAsync(Unary, [Frame(new IstioCertificateRequest { Csr = new string('x', 1000) })]);
        Assert.Equal(("8", "a message of type IstioCertificateRequest has 1003 bytes; the limit here is 1000"), (big.Header("grpc-status"), big.Header("grpc-message")));
        var cut = await CallAsync(Unary, [Frame(new IstioCertificateRequest { Csr = "hello" })[..8]]);
        Assert.Equal(("13", "the stream ended 8 bytes into a message of type IstioCertificateRequest"), (cut.Header("grpc-status"), cut.Header("grpc-message")));
        var none = await CallAsync(Unary, []);
        Assert.Equal("3", none.Header("grpc-status"));
        var garbage = await CallAsync(Unary, [[0, 0, 0, 0, 2, 0xff, 0xff]]);
        Assert.Equal("13", garbage.Header("grpc-status"));
        var compressed = await CallAsync(Unary, [[1, 0, 0, 0, 0]]);
        Assert.Equal("12", compressed.Header("grpc-status"));
    }

    [Fact]
    public async Task What_is_not_a_gRPC_call_is_told_so()
    {
        var unknown = await CallAsync("/a.B/C", [Frame(new IstioCertificateRequest())]);
        Assert.Equal(("200", "12", "there is no method /a.B/C here"), (unknown.Header(":status"), unknown.Header("grpc-status"), unknown.Header("grpc-message")));
        var json = await CallAsync(Unary, [], new() { ["content-type"] = "application/json" });
        Assert.Equal("415", json.Header(":status"));
        var get = await CallAsync(Unary, [], new() { [":method"] = "GET" });
        Assert.Equal("405", get.Header(":status"));
    }

    [Fact]
    public async Task A_stream_echoes_messages_large_and_small()
    {
        var messages = new[] { 0, 1, 70_000, 3_000_000 }.Select(size => new DeltaDiscoveryRequest { TypeUrl = "t", ResponseNonce = new string('n', size) }).ToList();
        var answer = await CallAsync(Duplex, [.. messages.Select(Frame)]);
        Assert.Equal("0", answer.Trailer("grpc-status"));
        var at = 0;
        foreach (var message in messages)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(answer.Body.AsSpan(at + 1));
            var response = DeltaDiscoveryResponse.Parser.ParseFrom(answer.Body, at + 5, length);
            Assert.Equal((message.TypeUrl, message.ResponseNonce), (response.TypeUrl, response.Nonce));
            at += 5 + length;
        }

        Assert.Equal(answer.Body.Length, at);
    }

    [Fact]
    public async Task A_stream_that_fails_after_an_answer_has_its_status_in_trailers()
    {
        var answer = await CallAsync(Duplex, [Frame(new DeltaDiscoveryRequest { TypeUrl = "a" }), Frame(new DeltaDiscoveryRequest { TypeUrl = "fail" })], hold: true);
        Assert.Equal(("10", "enough"), (answer.Trailer("grpc-status"), answer.Trailer("grpc-message")));
        Assert.NotEmpty(answer.Body);
    }

    [Fact]
    public async Task A_message_that_cannot_be_finished_resets_the_stream()
    {
        // The client's windows are 64 KB and its deadline passes while the rest waits for them.
        var answer = await CallAsync(Duplex, [Frame(new DeltaDiscoveryRequest { TypeUrl = "stall" })], new() { ["grpc-timeout"] = "300m" }, hold: true, stall: true);
        Assert.NotEqual(0, answer.Reset);
        Assert.Null(answer.Trailer("grpc-status"));
    }

    [Fact]
    public async Task The_deadline_of_the_client_ends_the_handler()
    {
        var answer = await CallAsync(Duplex, [Frame(new DeltaDiscoveryRequest { TypeUrl = "a" })], new() { ["grpc-timeout"] = "200m" }, hold: true);
        Assert.Equal("4", answer.Trailer("grpc-status"));
        Assert.True(await _cancelled.Task.WaitAsync(TimeSpan.FromSeconds(10)));
    }

    private async Task<Answer> CallAsync(string path, byte[][] chunks, Dictionary<string, string>? headers = null, bool hold = false, bool stall = false)
    {
        await _node.WriteLineAsync(JsonSerializer.Serialize(new { path, headers = headers ?? [], chunks = chunks.Select(Convert.ToHexString), hold, stall }));
        return new Answer(JsonDocument.Parse(await _node.ReadLineAsync()).RootElement);
    }

    private static Task<IstioCertificateResponse> SignAsync(IstioCertificateRequest request, ServerCallContext context) => request.Csr switch
    {
        "refuse" => throw new GrpcException(GrpcStatus.Unauthenticated, "no token? €% \n"),
        "throw" => throw new InvalidOperationException("secret"),
        _ => Task.FromResult(new IstioCertificateResponse { CertChain = { request.Csr, context.BearerToken ?? "nobody", context.Peer.Address.ToString() } }),
    };

    private async Task EchoAsync(MessageReader<DeltaDiscoveryRequest> requests, MessageWriter<DeltaDiscoveryResponse> responses, ServerCallContext context)
    {
        await using var registration = context.Cancellation.Register(() => _cancelled.TrySetResult(true));
        while (await requests.ReadAsync(context.Cancellation) is { } request)
        {
            if (request.TypeUrl == "fail")
            {
                throw new GrpcException(GrpcStatus.Aborted, "enough");
            }

            if (request.TypeUrl == "stall")
            {
                var part = new DeltaDiscoveryResponse { Nonce = new string('n', 200_000) };
                await responses.WriteAsync([part, part, part, part], context.Cancellation);
            }

            // In two parts, which merge on the wire.
            await responses.WriteAsync(
                [new DeltaDiscoveryResponse { TypeUrl = request.TypeUrl }, new DeltaDiscoveryResponse { Nonce = request.ResponseNonce }], context.Cancellation);
        }
    }

    private static byte[] Frame(IMessage message)
    {
        var frame = new byte[5 + message.CalculateSize()];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), frame.Length - 5);
        message.WriteTo(frame.AsSpan(5));
        return frame;
    }

    private sealed record Answer(JsonElement Json)
    {
        public byte[] Body { get; } = Convert.FromHexString(Json.GetProperty("body").GetString()!);

        public int Reset => Json.GetProperty("reset").GetInt32();

        public string? Header(string name) => Json.GetProperty("headers").TryGetProperty(name, out var value) ? value.ToString() : null;

        public string? Trailer(string name) => Json.GetProperty("trailers").TryGetProperty(name, out var value) ? value.ToString() : null;
    }
}
