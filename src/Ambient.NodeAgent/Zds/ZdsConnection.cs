using System.Threading.Channels;
using Ambient.Api.Enrolment;
using Ambient.Linux;
using Google.Protobuf;
using Version = Ambient.Api.Enrolment.Version;

namespace Ambient.NodeAgent.Zds;

/// <summary>
/// The node agent's end of one ztunnel's connection: hello, the snapshot, then changes. One request at a time, each answered by an
/// Ack, which carries no number: so a late answer could be taken for the next one's, and a connection that missed its deadline ends.
/// </summary>
internal sealed class ZdsConnection(SeqPacketSocket socket) : IDisposable
{
    /// <summary>Both sides' bound for one packet (reference: 5 s for each read and write).</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The largest answer that is read. Istio's agent takes 1024 bytes, but recorded refusals of ztunnel have 1045, because they carry
    /// a stack trace; cutting them would end the connection and hide why.
    /// </summary>
    private const int LargestPacket = 64 * 1024;

    /// <summary>Changes that wait while a snapshot is sent (reference: 100); callers beyond that wait themselves.</summary>
    private const int LongestQueue = 100;

    private readonly Channel<PendingRequest> _requests = Channel.CreateBounded<PendingRequest>(LongestQueue);
    private readonly Dictionary<string, NamespaceId> _known = new(StringComparer.Ordinal);

    /// <summary>Whether this ztunnel has acknowledged the pod in this namespace.</summary>
    public bool Knows(string uid, NamespaceId ns)
    {
        lock (_known)
        {
            return _known.TryGetValue(uid, out var known) && known == ns;
        }
    }

    /// <summary>Asks for a pod's traffic to be proxied.</summary>
    /// <exception cref="ZdsException">It was refused, or the connection ended; the message holds ztunnel's reason.</exception>
    public Task AddAsync(ZdsPod pod, CancellationToken cancellation) => RequestAsync(new(pod.ToAdd(), pod), cancellation);

    /// <summary>Asks for a pod's traffic to be let go.</summary>
    public Task DeleteAsync(string uid, CancellationToken cancellation)
    {
        lock (_known)
        {
            _known.Remove(uid);
        }

        return RequestAsync(new(new WorkloadRequest { Del = new DelWorkload { Uid = uid } }, null), cancellation);
    }

    /// <summary>Serves the connection until it ends, which it always does with an exception that says why.</summary>
    /// <param name="snapshot">The enrolled pods, asked for once ztunnel has said hello.</param>
    /// <param name="refused">Told of pods of the snapshot that ztunnel did not take.</param>
    /// <param name="cancellation">Ends the connection.</param>
    public async Task RunAsync(Func<IReadOnlyList<ZdsPod>> snapshot, Action<ZdsPod, string> refused, CancellationToken cancellation)
    {
        try
        {
            ReadHello(await ReceiveAsync(cancellation).WaitAsync(Deadline, cancellation));
            var receiving = await SendSnapshotAsync(snapshot(), refused, ReceiveAsync(cancellation), cancellation);
            await ServeChangesAsync(receiving, cancellation);
        }
        finally
        {
            _requests.Writer.TryComplete();
            while (_requests.Reader.TryRead(out var pending))
            {
                pending.Answer.TrySetException(Ended());
            }
        }
    }

    public void Dispose() => socket.Dispose();

    private async Task RequestAsync(PendingRequest pending, CancellationToken cancellation)
    {
        try
        {
            await _requests.Writer.WriteAsync(pending, cancellation);
        }
        catch (ChannelClosedException)
        {
            throw Ended();
        }

        if (await pending.Answer.Task.WaitAsync(cancellation) is { Length: > 0 } error)
        {
            throw new ZdsException($"ztunnel refused: {error}");
        }
    }

    /// <summary>Returns the receive that is outstanding then.</summary>
    private async Task<Task<byte[]>> SendSnapshotAsync(
        IReadOnlyList<ZdsPod> pods, Action<ZdsPod, string> refused, Task<byte[]> receiving, CancellationToken cancellation)
    {
        foreach (var pod in pods)
        {
            var request = new PendingRequest(pod.Namespace is null ? pod.ToKeep() : pod.ToAdd(), pod);
            try
            {
                if (await ExchangeAsync(request, receiving, cancellation) is { Length: > 0 } error)
                {
                    refused(pod, error);
                }
            }
            catch (ObjectDisposedException) when (pod.Namespace is { Handle.IsClosed: true })
            {
                continue; // it left since the snapshot was taken; nothing was sent, so the receive still stands
            }

            receiving = ReceiveAsync(cancellation);
        }

        await ExchangeAsync(new PendingRequest(new WorkloadRequest { SnapshotSent = new SnapshotSent() }, null), receiving, cancellation);
        return ReceiveAsync(cancellation);
    }

    /// <summary>One receive is always outstanding: after a request it brings the answer, otherwise the end, or what nobody asked for.</summary>
    private async Task ServeChangesAsync(Task<byte[]> receiving, CancellationToken cancellation)
    {
        while (true)
        {
            var queued = _requests.Reader.WaitToReadAsync(cancellation).AsTask();
            if (await Task.WhenAny(queued, receiving) == receiving)
            {
                throw new ZdsException($"ztunnel sent {(await receiving).Length} bytes that nothing asked for");
            }

            await queued;
            while (_requests.Reader.TryRead(out var pending))
            {
                if (pending.Pod is { Namespace: { } ns } pod && Knows(pod.Uid, ns.Id))
                {
                    pending.Answer.TrySetResult(""); // it was in the snapshot, behind which this request waited
                    continue;
                }

                await AnswerAsync(pending, receiving, cancellation);
                receiving = ReceiveAsync(cancellation);
            }
        }
    }

    private async Task AnswerAsync(PendingRequest pending, Task<byte[]> receiving, CancellationToken cancellation)
    {
        try
        {
            pending.Answer.TrySetResult(await ExchangeAsync(pending, receiving, cancellation));
        }
        catch (Exception failure)
        {
            pending.Answer.TrySetException(new ZdsException($"ztunnel did not answer: {failure.Message}"));
            throw;
        }
    }

    /// <summary>Sends a request and returns the error of its Ack, which is empty where all is well.</summary>
    private async Task<string> ExchangeAsync(PendingRequest pending, Task<byte[]> receiving, CancellationToken cancellation)
    {
        var ns = pending.Pod?.Namespace;
        await socket.SendAsync(pending.Request.ToByteArray(), ns is null ? null : [ns.Handle], cancellation).AsTask().WaitAsync(Deadline, cancellation);
        var response = WorkloadResponse.Parser.ParseFrom(await receiving.WaitAsync(Deadline, cancellation));
        if (response.PayloadCase != WorkloadResponse.PayloadOneofCase.Ack)
        {
            throw new ZdsException("ztunnel answered with something that is no Ack");
        }

        if (response.Ack.Error.Length == 0 && pending.Pod is { Namespace: not null } pod)
        {
            lock (_known)
            {
                _known[pod.Uid] = pod.Namespace.Id;
            }
        }

        return response.Ack.Error;
    }

    private async Task<byte[]> ReceiveAsync(CancellationToken cancellation)
    {
        var packet = await socket.ReceiveAsync(new byte[LargestPacket], maxDescriptors: 0, cancellation);
        return packet.IsEndOfStream ? throw new ZdsException("ztunnel closed the connection") : packet.Payload.ToArray();
    }

    private static void ReadHello(byte[] packet)
    {
        var hello = ZdsHello.Parser.ParseFrom(packet);
        if (hello.Version != Version.V1)
        {
            throw new ZdsException($"ztunnel speaks version {hello.Version}; this agent speaks V1 only");
        }
    }

    private static ZdsException Ended() => new("the connection to ztunnel ended");

    private sealed class PendingRequest(WorkloadRequest request, ZdsPod? pod)
    {
        public WorkloadRequest Request { get; } = request;
        public ZdsPod? Pod { get; } = pod;
        public TaskCompletionSource<string> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
