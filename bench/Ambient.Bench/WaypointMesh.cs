using System.Net;
using Ambient.Telemetry.Metrics;
using Ambient.Xds.Delta;
using Ambient.Xds.Grpc;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ambient.Bench;

/// <summary>
/// A control plane of a mesh of three pods, client, server and waypoint, and of a service bound to the waypoint, which has one route, a policy
/// that allows and one that denies. Each node has one of its own, so that they need no way to each other.
/// </summary>
internal static class WaypointMesh
{
    public const int Port = MeshServer.Port;
    public const string Gateway = "waypoint";
    private const string Key = "bench/server.bench.svc.cluster.local";
    private const string Addresses = "istio.workload.Address";
    private const string Policies = "istio.security.Authorization";
    private const string Waypoints = "ambient.waypoint.v1.Waypoint";
    private const string Services = "ambient.waypoint.v1.Service";
    private const string Authorizations = "ambient.waypoint.v1.Authorization";

    /// <summary>Serves until the process is killed.</summary>
    /// <param name="client">The client's address.</param>
    /// <param name="server">The server's.</param>
    /// <param name="waypoint">The waypoint's.</param>
    /// <param name="service">The service's, with the port that it and the server have.</param>
    public static async Task ServeAsync(string client, string server, string waypoint, string service)
    {
        var (address, port) = (service.Split(':')[0], service.Split(':')[1]);
        var store = new ResourceStore([.. new[] { Addresses, Policies, Waypoints, Services, Authorizations }.Select(TypeOf)]);
        Add<Api.Workloads.Address>(store, Addresses, Uid("client"), Workload("client", client));
        Add<Api.Workloads.Address>(store, Addresses, Uid(Gateway), Workload(Gateway, waypoint));
        Add<Api.Workloads.Address>(store, Addresses, Uid("server"), Workload("server", server, $$"""
            , "services": { "{{Key}}": { "ports": [ { "servicePort": {{port}}, "targetPort": {{port}} } ] } }
            """));
        Add<Api.Workloads.Address>(store, Addresses, Key, $$"""
            { "service": { "name": "server", "namespace": "bench", "hostname": "{{Key.Split('/')[1]}}", "canonical": true,
                "addresses": [ { "address": "{{Bytes(address)}}" } ],
                "ports": [ { "servicePort": {{port}}, "targetPort": {{port}}, "appProtocol": "HTTP11" } ],
                "waypoint": { "address": { "address": "{{Bytes(waypoint)}}" }, "hboneMtlsPort": 15008 } } }
            """);
        Add<Api.Waypoints.Waypoint>(store, Waypoints, $"bench/{Gateway}", $$"""{ "name": "{{Gateway}}", "namespace": "bench" }""");
        Add<Api.Waypoints.Service>(store, Services, Key, $$"""
            { "namespace": "bench", "hostname": "{{Key.Split('/')[1]}}", "bound": true, "policies": [ "bench/allow", "bench/deny" ],
              "routes": [ { "source": "HTTPRoute bench/server", "rule": "0", "matches": [ { "path": { "segments": "/" } } ],
                            "forward": { "backends": [ { "service": "{{Key}}", "port": {{port}}, "weight": 1 } ] } } ] }
            """);
        Add<Api.Waypoints.Authorization>(store, Authorizations, "bench/allow", """
            { "name": "allow", "namespace": "bench", "action": "ALLOW", "rules": [ {
                "from": [ { "principals": [ { "suffix": "/sa/client" } ] } ],
                "to": [ { "methods": [ { "exact": "GET" }, { "exact": "POST" } ], "paths": [ { "text": { "prefix": "/" } } ] } ] } ] }
            """);
        Add<Api.Waypoints.Authorization>(store, Authorizations, "bench/deny", """
            { "name": "deny", "namespace": "bench", "action": "DENY", "rules": [ { "to": [ { "paths": [ { "text": { "prefix": "/private/" } } ] } ] } ] }
            """);
        store.MarkSynced();
        var streams = new DeltaServer(store, NullLoggerFactory.Instance, new DeltaServerMetrics(new MetricRegistry(TimeProvider.System)));
        await using var listener = new GrpcServer([new GrpcListener(new IPEndPoint(IPAddress.Loopback, Port))], NullLoggerFactory.Instance)
            .Duplex(GrpcMethods.DeltaAggregatedResources, (requests, responses, context) => streams.ServeAsync(requests, responses, context));
        await listener.StartAsync(default);
        await Task.Delay(Timeout.Infinite);
    }

    private static void Add<T>(ResourceStore store, string type, string name, string json)
        where T : IMessage<T>, new() =>
        store.Apply(new ResourceChange(TypeOf(type), [new DeltaResource(name, "1", TypeOf(type), JsonParser.Default.Parse<T>(json).ToByteString())], []));

    private static string Workload(string name, string address, string more = "") => $$"""
        { "workload": { "uid": "{{Uid(name)}}", "name": "{{name}}", "namespace": "bench", "serviceAccount": "{{name}}", "node": "{{name}}",
            "workloadName": "{{name}}", "canonicalName": "{{name}}", "canonicalRevision": "v1", "clusterId": "Kubernetes", "tunnelProtocol": "HBONE",
            "addresses": [ "{{Bytes(address)}}" ] {{more}} } }
        """;

    private static string Uid(string name) => $"Kubernetes//Pod/bench/{name}";

    private static string TypeOf(string type) => $"type.googleapis.com/{type}";

    private static string Bytes(string address) => Convert.ToBase64String(IPAddress.Parse(address).GetAddressBytes());
}
