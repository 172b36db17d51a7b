using System.Net;
using Ambient.Api.Discovery;
using Ambient.Api.Workloads;
using Ambient.Telemetry.Metrics;
using Ambient.Xds.Delta;
using Ambient.Xds.Grpc;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ambient.Bench;

/// <summary>A control plane that knows so many workloads, each with an identity of its own, all on one node.</summary>
internal static class MeshServer
{
    public const int Port = 15010;
    public const string Node = "lone";
    private const string Addresses = "type.googleapis.com/istio.workload.Address";
    private const string Policies = "type.googleapis.com/istio.security.Authorization";

    /// <summary>Pods beyond these are on other nodes, so that their certificates are nobody's business here.</summary>
    private const int OnNode = 1_000;

    /// <summary>Serves until the process is killed.</summary>
    public static async Task ServeAsync(int count)
    {
        var store = new ResourceStore(Addresses, Policies);
        store.Apply(new ResourceChange(Addresses, [.. Enumerable.Range(0, count).Select(i => Resource(i, count))], []));
        store.MarkSynced();
        var streams = new DeltaServer(store, NullLoggerFactory.Instance, new DeltaServerMetrics(new MetricRegistry(TimeProvider.System)));
        await using var server = new GrpcServer([new GrpcListener(new IPEndPoint(IPAddress.Loopback, Port))], NullLoggerFactory.Instance)
            .Duplex(GrpcMethods.DeltaAggregatedResources, (requests, responses, context) => streams.ServeAsync(requests, responses, context));
        await server.StartAsync(default);
        await Task.Delay(Timeout.Infinite);
    }

    /// <summary>As a deployment would name the pod.</summary>
    public static string Name(int i) => $"{Account(i)}-5c9d8f7b6-x2k4p";

    public static string Account(int i) => $"app-{i}";

    private static DeltaResource Resource(int i, int count)
    {
        var name = Account(i);
        var workload = new Workload
        {
            Uid = $"Kubernetes//Pod/bench/{Name(i)}",
            Name = Name(i),
            Namespace = "bench",
            ServiceAccount = name,
            Node = count <= OnNode ? Node : $"node-{i / 50}",
            CanonicalName = name,
            CanonicalRevision = "v1",
            WorkloadName = name,
            WorkloadType = WorkloadType.Deployment,
            ClusterId = "Kubernetes",
            TunnelProtocol = TunnelProtocol.Hbone,
        };
        workload.Addresses.Add(ByteString.CopyFrom(10, (byte)(i >> 16), (byte)(i >> 8), (byte)i));
        return new DeltaResource(workload.Uid, "1", Addresses, new Address { Workload = workload }.ToByteString());
    }
}
