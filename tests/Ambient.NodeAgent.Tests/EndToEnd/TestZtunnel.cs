using System.Collections.Concurrent;
using Ambient.Api.Enrolment;
using Ambient.Linux;
using Google.Protobuf;
using Version = Ambient.Api.Enrolment.Version;

namespace Ambient.NodeAgent.Tests.EndToEnd;

/// <summary>The test plays ztunnel, over the real socket: says hello, acknowledges or refuses, and remembers what it was told.</summary>
internal sealed class TestZtunnel : IAsyncDisposable
{
    private readonly SeqPacketSocket _socket;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<string> _told = new();
    private readonly Task _running;

    private TestZtunnel(SeqPacketSocket socket)
    {
        _socket = socket;
        _running = RunAsync();
    }

    /// <summary>What it was told, in order: <c>add UID net:[INODE]</c>, <c>keep UID</c>, <c>del UID</c>, <c>snapshot</c>.</summary>
    public IReadOnlyList<string> Told => [.. _told];

    /// <summary>Answers with this error instead of success.</summary>
    public string Refusal { get; set; } = "";

    /// <summary>Whether the agent has ended the connection.</summary>
    public bool Ended => _running.IsCompleted;

    public static async Task<TestZtunnel> ConnectAsync(string path)
    {
        TestZtunnel? ztunnel = null;
        await TestNode.Until(
            () =>
            {
                try
                {
                    ztunnel = new TestZtunnel(SeqPacketSocket.Connect(path));
                    return true;
                }
                catch (LinuxException)
                {
                    return false;
                }
            },
            "the agent listens for ztunnel");
        await TestNode.Until(() => ztunnel!.Told.Contains("snapshot"), "the snapshot is sent");
        return ztunnel!;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _socket.Dispose();
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        try
        {
            await _socket.SendAsync(new ZdsHello { Version = Version.V1 }.ToByteArray());
            var buffer = new byte[1024];
            while (true)
            {
                var packet = await _socket.ReceiveAsync(buffer, 1, _stop.Token);
                if (packet.IsEndOfStream)
                {
                    return;
                }

                var request = WorkloadRequest.Parser.ParseFrom(packet.Payload.Span);
                _told.Enqueue(Describe(request, packet));
                await _socket.SendAsync(new WorkloadResponse { Ack = new Ack { Error = Refusal } }.ToByteArray());
            }
        }
        catch (Exception failure) when (failure is OperationCanceledException or LinuxException)
        {
            // the test or the agent ends
        }
    }

    private static string Describe(WorkloadRequest request, SeqPacket packet)
    {
        switch (request.PayloadCase)
        {
            case WorkloadRequest.PayloadOneofCase.Add:
                using (var ns = NetworkNamespace.FromDescriptor(packet.Descriptors.Single()))
                {
                    return $"add {request.Add.Uid} {ns.Id}";
                }

            case WorkloadRequest.PayloadOneofCase.Keep:
                return $"keep {request.Keep.Uid}";
            case WorkloadRequest.PayloadOneofCase.Del:
                return $"del {request.Del.Uid}";
            default:
                return "snapshot";
        }
    }
}
