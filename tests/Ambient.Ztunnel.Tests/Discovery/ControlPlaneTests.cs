using System.Net;
using Ambient.Api;
using Ambient.Telemetry.Metrics;
using Ambient.Xds.Delta;
using Ambient.Xds.Grpc;
using Ambient.Ztunnel.Tests.Support;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using Sec = Ambient.Api.Security;
using Wds = Ambient.Api.Workloads;

namespace Ambient.Ztunnel.Tests.Discovery;

/// <summary>A node proxy that learns the mesh from a control plane: readiness, pushes, refusals, certificates, a control plane that goes away.</summary>
public sealed class ControlPlaneTests
{
    [Fact]
    public async Task Connections_are_taken_once_the_mesh_is_known()
    {
        await using var world = await Served.StartAsync(synced: false);
        await Task.Delay(300);
        Assert.Contains("state manager", world.Ztunnel.App.Readiness.Pending);
        world.Store.MarkSynced();
        await world.Agent.EnrolAsync();
        await RunningZtunnel.UntilAsync(() => world.Ztunnel.App.Readiness.Pending.Count == 0, "ready");
    }

    [Fact]
    public async Task What_is_pushed_is_in_force_and_what_is_wrong_is_refused_with_the_field_while_the_rest_is_taken()
    {
        await using var world = await Served.StartAsync();
        var good = new Wds.Address { Workload = new Wds.Workload { Uid = "good", Name = "good", Namespace = "shop", Node = "na", TunnelProtocol = Wds.TunnelProtocol.Hbone, Addresses = { Bytes("10.0.0.1") } } };
        var bad = new Wds.Address { Workload = new Wds.Workload { Uid = "bad", Addresses = { ByteString.CopyFrom(1, 2, 3) } } };
        var policy = new Sec.Authorization { Name = "p", Namespace = "shop", Action = Sec.Action.Deny, Scope = Sec.Scope.Namespace };
        world.Store.Apply(
            new ResourceChange(ResourceTypes.Address, [Resource("good", ResourceTypes.Address, good), Resource("bad", ResourceTypes.Address, bad)], []),
            new ResourceChange(ResourceTypes.Authorization, [Resource("shop/p", ResourceTypes.Authorization, policy)], []));

        var mesh = world.Ztunnel.App.Mesh;
        await RunningZtunnel.UntilAsync(() => mesh.Current.Workloads.ContainsKey("good") && mesh.Current.Policies.ContainsKey("shop/p"), "the push");
        Assert.False(mesh.Current.Workloads.ContainsKey("bad"));
        await RunningZtunnel.UntilAsync(
            () => world.Server.Status.Any(stream => stream.Rejection is "bad: addresses holds an address of 3 bytes; 4 (IPv4) or 16 (IPv6) are expected"),
            "the refusal at the control plane");

        // A local workload's certificate is asked for before anybody needs it, and dropped with its last user.
        await RunningZtunnel.UntilAsync(() => world.Authority.Issued.Contains(new SpiffeId("cluster.local", "shop", "default")), "the certificate");
        world.Store.Apply(new ResourceChange(ResourceTypes.Address, [], ["good"]));
        await RunningZtunnel.UntilAsync(() => !mesh.Current.Workloads.ContainsKey("good"), "the removal");
        Assert.Contains("\"certificates\": []", await world.Ztunnel.GetAsync(world.Ztunnel.App.Servers.Admin, "/config_dump"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_mesh_stays_in_force_while_the_control_plane_is_away_and_is_caught_up_with_afterwards()
    {
        await using var world = await Served.StartAsync();
        world.Store.Apply(new ResourceChange(ResourceTypes.Address, [Resource("w", ResourceTypes.Address, Workload("w", "10.0.0.1"))], []));
        var mesh = world.Ztunnel.App.Mesh;
        await RunningZtunnel.UntilAsync(() => mesh.Current.Workloads.ContainsKey("w"), "the push");

        await world.StopServerAsync();
        world.Store.Apply(new ResourceChange(ResourceTypes.Address, [Resource("x", ResourceTypes.Address, Workload("x", "10.0.0.2"))], ["w"]));
        await Task.Delay(200);
        Assert.True(mesh.Current.Workloads.ContainsKey("w"));
        await world.StartServerAsync();
        await RunningZtunnel.UntilAsync(() => mesh.Current.Workloads.ContainsKey("x") && !mesh.Current.Workloads.ContainsKey("w"), "caught up");
    }

    private static Wds.Address Workload(string uid, string address) => new()
    {
        Workload = new Wds.Workload { Uid = uid, Name = uid, Namespace = "shop", Addresses = { Bytes(address) } },
    };

    private static ByteString Bytes(string address) => ByteString.CopyFrom(IPAddress.Parse(address).GetAddressBytes());

    private static DeltaResource Resource(string name, string type, IMessage message)
    {
        var bytes = message.ToByteString();
        return new DeltaResource(name, ContentVersion.Of(bytes.Span), type, bytes);
    }

    /// <summary>A control plane in the test, and a node proxy that asks it.</summary>
    private sealed class Served : IAsyncDisposable
    {
        private GrpcServer? _grpc;
        private int _port;

        private Served() => Server = new DeltaServer(Store, NullLoggerFactory.Instance, new DeltaServerMetrics(new MetricRegistry()));

        public ResourceStore Store { get; } = new(ResourceTypes.Address, ResourceTypes.Authorization);

        public DeltaServer Server { get; }

        public TestAuthority Authority { get; } = new();

        public TestAgent Agent { get; } = new();

        public RunningZtunnel Ztunnel { get; private set; } = null!;

        public static async Task<Served> StartAsync(bool synced = true)
        {
            var world = new Served();
            await world.StartServerAsync();
            if (synced)
            {
                world.Store.MarkSynced();
            }

            var configuration = RunningZtunnel.Configuration("na", world.Agent.Path, "") with { XdsAddress = new Uri($"http://127.0.0.1:{world._port}") };
            world.Ztunnel = await RunningZtunnel.StartAsync(configuration, world.Authority);
            return world;
        }

        public async Task StartServerAsync()
        {
            _grpc = new GrpcServer([new GrpcListener(new IPEndPoint(IPAddress.Loopback, _port))], NullLoggerFactory.Instance)
                .Duplex(
                    GrpcMethods.DeltaAggregatedResources,
                    (requests, responses, context) => Server.ServeAsync(requests, responses, context), DeltaServer.MaxReceiveBytes);
            await _grpc.StartAsync(CancellationToken.None);
            _port = _grpc.EndPoints[0].Port;
        }

        public async Task StopServerAsync()
        {
            await _grpc!.DisposeAsync();
            _grpc = null;
        }

        public async ValueTask DisposeAsync()
        {
            await Ztunnel.DisposeAsync();
            if (_grpc is not null)
            {
                await StopServerAsync();
            }

            Agent.Dispose();
            Authority.Dispose();
        }
    }
}
