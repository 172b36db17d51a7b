using Ambient.Api.Enrolment;
using Ambient.Linux;
using Google.Protobuf;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Version = Ambient.Api.Enrolment.Version;

namespace Ambient.Ztunnel.Enrolment;

/// <summary>
/// Learns from the node agent which pods to proxy: connects, says hello, and answers each request with one Ack, in order. What goes
/// wrong with one pod is answered and the stream goes on; a packet that cannot be read ends the stream, and a new one begins.
/// </summary>
internal sealed class ZdsClient(string path, PodProxies pods, TimeProvider time, ILogger logger)
{
    /// <summary>The largest packet of the protocol; both ends read so much.</summary>
    private const int LargestPacket = 1024;

    /// <summary>One namespace comes with an Add; a second is noticed, more need not be counted.</summary>
    private const int MostDescriptors = 4;

    private static readonly TimeSpan FirstBackoff = TimeSpan.FromMilliseconds(20);

    /// <summary>Istio's waits up to 15 s; two keep the promise that everything is as before five seconds after an agent is back.</summary>
    private static readonly TimeSpan MostBackoff = TimeSpan.FromSeconds(2);

    /// <summary>Connects, and connects again when a stream ends, until it is cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        var backoff = FirstBackoff;
        while (true)
        {
            try
            {
                using var socket = SeqPacketSocket.Connect(path);
                await socket.SendAsync(new ZdsHello { Version = Version.V1 }.ToByteArray(), null, cancellation);
                Log.AgentConnected(logger, path);
                pods.BeginSnapshot();
                backoff = FirstBackoff;
                await ServeAsync(socket, cancellation);
            }
            catch (LinuxException failure)
            {
                Log.AgentUnreachable(logger, failure.Message);
            }
            catch (ZdsException failure)
            {
                Log.AgentLost(logger, failure.Message);
            }

            pods.Disconnected();
            await Task.Delay(backoff, time, cancellation);
            backoff = backoff * 2 < MostBackoff ? backoff * 2 : MostBackoff;
        }
    }

    private async Task ServeAsync(SeqPacketSocket socket, CancellationToken cancellation)
    {
        var buffer = new byte[LargestPacket];
        while (true)
        {
            var packet = await socket.ReceiveAsync(buffer, MostDescriptors, cancellation);
            if (packet.IsEndOfStream)
            {
                throw new ZdsException("the node agent closed the connection");
            }

            ZdsException? refusal = null;
            try
            {
                await HandleAsync(packet, cancellation);
            }
            catch (ZdsException failure)
            {
                refusal = failure;
                Log.AgentRefused(logger, failure.Message);
            }

            var answer = new WorkloadResponse { Ack = new Ack { Error = refusal?.Message ?? "" } };
            await socket.SendAsync(answer.ToByteArray(), null, cancellation);
            if (refusal is { EndsStream: true })
            {
                throw refusal;
            }
        }
    }

    private async Task HandleAsync(SeqPacket packet, CancellationToken cancellation)
    {
        var descriptors = packet.Descriptors;
        var taken = false;
        try
        {
            var request = Read(packet);
            var isAdd = request.PayloadCase == WorkloadRequest.PayloadOneofCase.Add;
            if (descriptors.Count != (isAdd ? 1 : 0))
            {
                throw new ZdsException(
                    isAdd
                        ? $"failure to read message : AddWorkload of {request.Add.Uid} came with {descriptors.Count} descriptors; exactly one, of the pod's network namespace, has to come with it"
                        : $"failure to read message : {request.PayloadCase} came with {descriptors.Count} descriptors; only AddWorkload has one",
                    endsStream: true);
            }

            if (isAdd)
            {
                var space = Namespace(descriptors[0]);
                taken = true;
                await pods.AddAsync(request.Add, space, cancellation);
                return;
            }

            await FollowAsync(request, cancellation);
        }
        finally
        {
            foreach (var descriptor in taken ? [] : descriptors)
            {
                descriptor.Dispose();
            }
        }
    }

    private async Task FollowAsync(WorkloadRequest request, CancellationToken cancellation)
    {
        switch (request.PayloadCase)
        {
            case WorkloadRequest.PayloadOneofCase.Keep:
                pods.Keep(request.Keep.Uid);
                break;
            case WorkloadRequest.PayloadOneofCase.Del:
                await pods.DeleteAsync(request.Del.Uid, cancellation);
                break;
            case WorkloadRequest.PayloadOneofCase.SnapshotSent:
                await pods.CompleteSnapshotAsync(cancellation);
                break;
            default:
                throw new ZdsException("failure to read message : the request is of no kind that this version knows", endsStream: true);
        }
    }

    private static WorkloadRequest Read(SeqPacket packet)
    {
        try
        {
            return WorkloadRequest.Parser.ParseFrom(packet.Payload.Span);
        }
        catch (InvalidProtocolBufferException wrong)
        {
            throw new ZdsException($"failure to read message : failed to decode Protobuf message: {wrong.Message}", endsStream: true, wrong);
        }
    }

    private static NetworkNamespace Namespace(SafeFileHandle descriptor)
    {
        try
        {
            return NetworkNamespace.FromDescriptor(descriptor);
        }
        catch (LinuxException wrong)
        {
            throw new ZdsException($"failure to start proxy : the descriptor is no network namespace: {wrong.Message}", inner: wrong);
        }
    }
}
