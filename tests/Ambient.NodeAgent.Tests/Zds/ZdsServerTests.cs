using System.Text.Json;
using Ambient.Api.Enrolment;
using Ambient.Linux;
using Ambient.NodeAgent.Zds;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ambient.NodeAgent.Tests.Zds;

/// <summary>The agent's end of ZDS against packets as the recording has them; the test plays ztunnel, over the real socket.</summary>
public sealed class ZdsServerTests : IAsyncLifetime
{
    private static readonly byte[] Hello = [0x08, 0x01];
    private static readonly byte[] Accepted = [0x0a, 0x00];

    private readonly string _path = Path.Combine(Path.GetTempPath(), $"zds-{Guid.NewGuid():N}", "ztunnel.sock");
    private readonly TestNamespace _pod = new();
    private readonly CancellationTokenSource _stop = new(TimeSpan.FromSeconds(30));
    private readonly List<ZdsPod> _snapshot = [];
    private ZdsServer _server = null!;
    private Task _running = null!;

    public Task InitializeAsync()
    {
        _server = new ZdsServer(_path, () => [.. _snapshot], () => { }, TimeProvider.System, NullLogger<ZdsServer>.Instance);
        _running = _server.RunAsync(_stop.Token);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
        _pod.Dispose();
        Directory.Delete(Path.GetDirectoryName(_path)!, recursive: true);
    }

    [Fact]
    public async Task A_whole_session_has_the_recorded_packets()
    {
        _snapshot.Add(Web);
        using var ztunnel = await ConnectAsync();

        await ExpectAsync(ztunnel, Recorded("add of a pod that the state knows"), descriptor: true);
        await ztunnel.SendAsync(Accepted);
        await ExpectAsync(ztunnel, Recorded("snapshot sent"));
        await ztunnel.SendAsync(Accepted);

        var adding = _server.AddAsync(new ZdsPod("u-2", "ghost", "shop", "ghost", _pod.Handle), _stop.Token);
        await ExpectAsync(ztunnel, Recorded("add of a pod that the state does not know"), descriptor: true);
        Assert.False(adding.IsCompleted);
        await ztunnel.SendAsync(Accepted);
        await adding;
        Assert.True(_server.Knows("u-2", _pod.Handle.Id));

        var deletingUnknown = _server.DeleteAsync("u-9", _stop.Token);
        await ExpectAsync(ztunnel, Recorded("delete of an unknown pod"));
        await ztunnel.SendAsync(Accepted);
        await deletingUnknown;

        var deleting = _server.DeleteAsync("u-2", _stop.Token);
        await ExpectAsync(ztunnel, Recorded("delete"));
        await ztunnel.SendAsync(Accepted);
        await deleting;
        Assert.False(_server.Knows("u-2", _pod.Handle.Id));
    }

    [Fact]
    public async Task A_pod_whose_namespace_is_not_found_yet_is_kept()
    {
        _snapshot.Add(Web with { Namespace = null });
        using var ztunnel = await ConnectAsync();
        await ExpectAsync(ztunnel, Recorded("keep of a pod it already has"));
    }

    [Fact]
    public async Task A_refusal_reaches_the_caller_with_its_reason_and_the_connection_lives()
    {
        using var ztunnel = await ConnectEmptyAsync();
        var adding = _server.AddAsync(Web, _stop.Token);
        await ExpectAsync(ztunnel, Recorded("add again"), descriptor: true);
        await ztunnel.SendAsync("\n\u0006\n\u0004busy"u8.ToArray());
        var failure = await Assert.ThrowsAsync<ZdsException>(() => adding);
        Assert.Contains("busy", failure.Message, StringComparison.Ordinal);
        Assert.False(_server.Knows("u-1", _pod.Handle.Id));
        Assert.True(_server.Connected);
    }

    /// <summary>The recording keeps the head of the two long answers; they are made whole here with what fills a stack trace.</summary>
    [Theory]
    [InlineData("0ad707", "failure to read message : No control message")]
    [InlineData("0a9208", "failure to read message : failed to decode Protobuf message: invalid varint")]
    public async Task A_refusal_with_a_stack_trace_reaches_the_caller_whole(string head, string text)
    {
        Assert.Contains(RecordedAnswers(), answer => answer == (head, text));
        using var ztunnel = await ConnectEmptyAsync();
        var adding = _server.AddAsync(Web, _stop.Token);
        await ExpectAsync(ztunnel, Recorded("add again"), descriptor: true);
        var length = ((Convert.FromHexString(head)[1] & 0x7f) | (Convert.FromHexString(head)[2] << 7)) - 3;
        var error = text.PadRight(length, '.');
        var answer = new WorkloadResponse { Ack = new Ack { Error = error } }.ToByteArray();
        Assert.Equal(head, Convert.ToHexStringLower(answer.AsSpan(0, 3)));
        await ztunnel.SendAsync(answer);
        Assert.Contains(error, (await Assert.ThrowsAsync<ZdsException>(() => adding)).Message, StringComparison.Ordinal);
        Assert.True(_server.Connected);
    }

    [Fact]
    public async Task Without_an_answer_in_time_the_connection_ends_so_that_no_late_answer_is_misread()
    {
        using var ztunnel = await ConnectEmptyAsync();
        var adding = _server.AddAsync(Web, _stop.Token);
        await ExpectAsync(ztunnel, Recorded("add again"), descriptor: true);
        await Assert.ThrowsAsync<ZdsException>(() => adding);
        Assert.True((await ReceiveAsync(ztunnel)).IsEndOfStream);
    }

    [Theory]
    [InlineData("ffffff")]
    [InlineData("0802")]
    public async Task A_hello_that_is_none_ends_the_connection(string hex)
    {
        using var ztunnel = await DialAsync();
        await ztunnel.SendAsync(Convert.FromHexString(hex));
        Assert.True((await ReceiveAsync(ztunnel)).IsEndOfStream);
    }

    [Fact]
    public async Task What_nobody_asked_for_ends_the_connection()
    {
        using var ztunnel = await ConnectEmptyAsync();
        await ztunnel.SendAsync(Accepted);
        Assert.True((await ReceiveAsync(ztunnel)).IsEndOfStream);
    }

    [Fact]
    public async Task New_pods_go_to_the_newest_ztunnel_and_removals_to_all()
    {
        using var older = await ConnectEmptyAsync();
        using var newer = await ConnectEmptyAsync();
        var adding = _server.AddAsync(Web, _stop.Token);
        await ExpectAsync(newer, Recorded("add again"), descriptor: true);
        await newer.SendAsync(Accepted);
        await adding;

        var deleting = _server.DeleteAsync("u-9", _stop.Token);
        foreach (var ztunnel in new[] { older, newer })
        {
            await ExpectAsync(ztunnel, Recorded("delete of an unknown pod"));
            await ztunnel.SendAsync(Accepted);
        }

        await deleting;
    }

    [Fact]
    public async Task Without_a_ztunnel_a_pod_cannot_be_added_and_need_not_be_removed()
    {
        await Assert.ThrowsAsync<ZdsException>(() => _server.AddAsync(Web, _stop.Token));
        await _server.DeleteAsync("u-1", _stop.Token);
    }

    private ZdsPod Web => new("u-1", "web", "shop", "web", _pod.Handle);

    private async Task<SeqPacketSocket> ConnectAsync()
    {
        var ztunnel = await DialAsync();
        await ztunnel.SendAsync(Hello);
        return ztunnel;
    }

    private async Task<SeqPacketSocket> ConnectEmptyAsync()
    {
        var ztunnel = await ConnectAsync();
        await ExpectAsync(ztunnel, Recorded("snapshot sent"));
        await ztunnel.SendAsync(Accepted);
        return ztunnel;
    }

    private async Task<SeqPacketSocket> DialAsync()
    {
        while (true)
        {
            try
            {
                return SeqPacketSocket.Connect(_path);
            }
            catch (LinuxException)
            {
                await Task.Delay(10, _stop.Token); // the server is about to listen
            }
        }
    }

    private async Task ExpectAsync(SeqPacketSocket ztunnel, byte[] packet, bool descriptor = false)
    {
        var received = await ReceiveAsync(ztunnel);
        Assert.Equal(Convert.ToHexString(packet), Convert.ToHexString(received.Payload.Span));
        Assert.Equal(descriptor ? 1 : 0, received.Descriptors.Count);
        foreach (var handle in received.Descriptors)
        {
            Assert.Equal(_pod.Handle.Id, NetworkNamespace.FromDescriptor(handle).Id);
            handle.Dispose();
        }
    }

    private async Task<SeqPacket> ReceiveAsync(SeqPacketSocket ztunnel) => await ztunnel.ReceiveAsync(new byte[1024], 4, _stop.Token);

    private static IEnumerable<(string Head, string? Text)> RecordedAnswers() =>
        File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Golden/zds/session.jsonl"))
            .Select(line => JsonDocument.Parse(line).RootElement)
            .Where(packet => packet.TryGetProperty("text", out _))
            .Select(packet => (packet.GetProperty("hex").GetString()!.TrimEnd('…'), packet.GetProperty("text").GetString()));

    private static byte[] Recorded(string what) => File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Golden/zds/session.jsonl"))
        .Select(line => JsonDocument.Parse(line).RootElement)
        .Where(packet => packet.TryGetProperty("what", out var name) && name.GetString() == what)
        .Select(packet => Convert.FromHexString(packet.GetProperty("hex").GetString()!))
        .First();
}
