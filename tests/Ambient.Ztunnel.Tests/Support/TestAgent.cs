using Ambient.Api.Enrolment;
using Ambient.Linux;
using Google.Protobuf;

namespace Ambient.Ztunnel.Tests.Support;

/// <summary>The node agent's end of the socket, packet by packet.</summary>
internal sealed class TestAgent : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly SeqPacketListener _listener;
    private SeqPacketSocket? _socket;

    public TestAgent()
    {
        Path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"zds-{Guid.NewGuid():n}.sock");
        _listener = SeqPacketListener.Bind(Path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    public string Path { get; }

    /// <summary>Takes the next connection and returns its first packet.</summary>
    public async Task<byte[]> AcceptAsync()
    {
        _socket?.Dispose();
        _socket = await _listener.AcceptAsync().AsTask().WaitAsync(Patience);
        return await ReceiveAsync();
    }

    /// <summary>Ends the connection.</summary>
    public void Disconnect()
    {
        _socket?.Dispose();
        _socket = null;
    }

    /// <summary>Sends a packet and returns the answer's bytes.</summary>
    public async Task<byte[]> ExchangeAsync(byte[] packet, NetworkNamespace? space = null)
    {
        await _socket!.SendAsync(packet, space is null ? null : [space.Handle]).AsTask().WaitAsync(Patience);
        return await ReceiveAsync();
    }

    /// <summary>Sends a request and returns the error of its Ack.</summary>
    public async Task<string> AskAsync(WorkloadRequest request, NetworkNamespace? space = null) =>
        WorkloadResponse.Parser.ParseFrom(await ExchangeAsync(request.ToByteArray(), space)).Ack.Error;

    /// <summary>Enrols pods as an agent does that starts: hello, each pod, the end of the snapshot.</summary>
    public async Task EnrolAsync(params (string Uid, string Name, TestPod Pod)[] pods)
    {
        await AcceptAsync();
        foreach (var (uid, name, pod) in pods)
        {
            Assert.Equal("", await AskAsync(Add(uid, name), pod.Space));
        }

        Assert.Equal("", await AskAsync(new WorkloadRequest { SnapshotSent = new SnapshotSent() }));
    }

    public static WorkloadRequest Add(string uid, string name) => new()
    {
        Add = new AddWorkload { Uid = uid, WorkloadInfo = new WorkloadInfo { Name = name, Namespace = "shop", ServiceAccount = name } },
    };

    public void Dispose()
    {
        _socket?.Dispose();
        _listener.Dispose();
    }

    private async Task<byte[]> ReceiveAsync() =>
        (await _socket!.ReceiveAsync(new byte[8192], 0).AsTask().WaitAsync(Patience)).Payload.ToArray();
}
