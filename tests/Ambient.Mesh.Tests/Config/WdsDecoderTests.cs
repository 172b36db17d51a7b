using System.Net;
using Ambient.Api.Workloads;
using Ambient.Mesh.Config;
using Ambient.Mesh.Model;
using Google.Protobuf;
using Sec = Ambient.Api.Security;
using Wds = Ambient.Api.Workloads;

namespace Ambient.Mesh.Tests.Config;

/// <summary>WDS and policy resources into the model; what is refused, and with which words.</summary>
public sealed class WdsDecoderTests
{
    [Fact]
    public void A_minimal_workload_has_the_defaults()
    {
        var workload = Decode(new Wds.Workload { Uid = "u", Name = "n", Namespace = "a", Addresses = { Bytes("10.0.0.1") } });
        Assert.Equal("spiffe://cluster.local/ns/a/sa/default", workload.Identity.ToString());
        Assert.Equal("Kubernetes", workload.ClusterId);
        Assert.Equal(1u, workload.Capacity);
        Assert.Null(workload.ApplicationTunnel);
        Assert.Equal(IPAddress.Parse("10.0.0.1"), Assert.Single(workload.Addresses));
        Assert.True(workload.Healthy);
    }

    [Fact]
    public void Every_field_of_a_workload_is_taken()
    {
        var workload = Decode(new Wds.Workload
        {
            Uid = "u", Name = "n", Namespace = "a", Network = "net", TunnelProtocol = Wds.TunnelProtocol.Hbone, TrustDomain = "td",
            ServiceAccount = "sa", Node = "node", CanonicalName = "cn", CanonicalRevision = "cr", WorkloadType = Wds.WorkloadType.Job,
            WorkloadName = "wn", NativeTunnel = true, AuthorizationPolicies = { "a/p" }, Status = WorkloadStatus.Unhealthy,
            ClusterId = "c", Hostname = "h", NetworkMode = NetworkMode.HostNetwork, Capacity = 5,
            Addresses = { Bytes("fd00::1") },
            Waypoint = new Wds.GatewayAddress { Hostname = new Wds.NamespacedHostname { Namespace = "a", Hostname = "wp" }, HboneMtlsPort = 15008 },
            NetworkGateway = new Wds.GatewayAddress { Address = new Wds.NetworkAddress { Network = "net", Address = Bytes("10.0.0.9") }, HboneMtlsPort = 15009 },
            Services = { ["a/s"] = new PortList { Ports = { new Port { ServicePort = 80, TargetPort = 8080 } } } },
            ApplicationTunnel = new Wds.ApplicationTunnel { Protocol = Wds.ApplicationTunnel.Types.Protocol.Proxy, Port = 15088 },
            Locality = new Wds.Locality { Region = "r", Zone = "z", Subzone = "s" },
        });
        Assert.Equal(
            ("net", Model.TunnelProtocol.Hbone, "spiffe://td/ns/a/sa/sa", "node", "cn", "cr", Model.WorkloadType.Job, "wn", true, false, "c", "h", true, 5u),
            (workload.Network, workload.Protocol, workload.Identity.ToString(), workload.Node, workload.CanonicalName, workload.CanonicalRevision,
                workload.Type, workload.WorkloadName, workload.NativeTunnel, workload.Healthy, workload.ClusterId, workload.Hostname, workload.HostNetwork, workload.Capacity));
        Assert.Equal("a/p", Assert.Single(workload.AuthorizationPolicies));
        Assert.Equal("a/wp", workload.Waypoint!.Destination);
        Assert.Equal("net/10.0.0.9", workload.NetworkGateway!.Destination);
        Assert.Equal(15009, workload.NetworkGateway.Port);
        Assert.Equal(new Model.ApplicationTunnel(true, 15088), workload.ApplicationTunnel);
        Assert.Equal(new Model.Locality("r", "z", "s"), workload.Locality);
        var membership = Assert.Single(workload.Memberships);
        Assert.Equal(("a/s", new PortMapping(80, 8080)), (membership.Service, membership.Ports.Single()));
    }

    [Fact]
    public void Addresses_of_a_service_are_single_or_ranges()
    {
        var service = new WdsDecoder().Decode(new Wds.Service
        {
            Name = "s", Namespace = "a", Hostname = "s.a", Visibility = (Wds.Service.Types.Visibility)7,
            Addresses =
            {
                new Wds.NetworkAddress { Address = Bytes("10.1.0.1") },
                new Wds.NetworkAddress { Address = Bytes("10.1.0.2"), Length = 32 },
                new Wds.NetworkAddress { Address = Bytes("10.2.3.4"), Length = 16 },
            },
        });
        Assert.Equal(["/10.1.0.1", "/10.1.0.2"], service.Vips.Select(vip => vip.ToString()));
        Assert.Equal("10.2.0.0/16", Assert.Single(service.CidrVips).Cidr.ToString());
        Assert.False(service.NamespaceOnly); // an unknown visibility is public
    }

    public static TheoryData<Wds.Address, string> Refused => new()
    {
        { new Wds.Address(), "neither a workload nor a service" },
        { OfWorkload(workload => workload.Uid = ""), "uid is empty" },
        { OfWorkload(workload => workload.TunnelProtocol = Wds.TunnelProtocol.LegacyIstioMtls), "tunnel_protocol LegacyIstioMtls is not supported" },
        { OfWorkload(workload => workload.TunnelProtocol = (Wds.TunnelProtocol)9), "tunnel_protocol" },
        { OfWorkload(workload => workload.Addresses.Add(ByteString.CopyFrom(1, 2, 3))), "addresses holds an address of 3 bytes" },
        { OfWorkload(workload => workload.WorkloadType = (Wds.WorkloadType)9), "workload_type holds the unknown value 9" },
        { OfWorkload(workload => workload.Status = (WorkloadStatus)9), "status holds the unknown value 9" },
        { OfWorkload(workload => workload.NetworkMode = (NetworkMode)9), "network_mode holds the unknown value 9" },
        { OfWorkload(workload => workload.Services["nokey"] = new PortList()), "services holds the key 'nokey'" },
        { OfWorkload(workload => workload.Services["a/s"] = new PortList { Ports = { new Port { ServicePort = 70000 } } }), "70000, which is no port" },
        { OfWorkload(workload => workload.Waypoint = new Wds.GatewayAddress { HboneMtlsPort = 15008 }), "waypoint has no destination" },
        { OfWorkload(workload => workload.ApplicationTunnel = new Wds.ApplicationTunnel { Protocol = (Wds.ApplicationTunnel.Types.Protocol)9 }), "application_tunnel.protocol" },
        { OfService(service => service.Hostname = ""), "hostname is empty" },
        { OfService(service => service.IpFamilies = (IPFamilies)9), "ip_families holds the unknown value 9" },
        { OfService(service => service.Addresses.Add(new Wds.NetworkAddress { Address = Bytes("10.0.0.0"), Length = 33 })), "prefix length 33" },
        { OfService(service => service.LoadBalancing = new Wds.LoadBalancing { RoutingPreference = { Wds.LoadBalancing.Types.Scope.UnspecifiedScope } }), "routing_preference" },
        { OfService(service => service.LoadBalancing = new Wds.LoadBalancing { Mode = (Wds.LoadBalancing.Types.Mode)9 }), "load_balancing.mode" },
        { OfService(service => service.LoadBalancing = new Wds.LoadBalancing { HealthPolicy = (Wds.LoadBalancing.Types.HealthPolicy)9 }), "health_policy" },
        { OfService(service => service.WeightedWaypoints.Add(new Wds.WeightedWaypoint { Weight = 1 })), "weighted_waypoints" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void A_resource_is_refused_with_the_field_that_is_wrong(Wds.Address address, string words)
    {
        var refusal = Assert.Throws<MeshConfigException>(() => new WdsDecoder().DecodeAddress(address.ToByteString()));
        Assert.Contains(words, refusal.Message, StringComparison.Ordinal);
    }

    public static TheoryData<Sec.Authorization, string> RefusedPolicies => new()
    {
        { new Sec.Authorization { Scope = (Sec.Scope)9 }, "scope holds the unknown value 9" },
        { new Sec.Authorization { Action = (Sec.Action)9 }, "action holds the unknown value 9" },
        { OfMatch(match => match.Principals.Add(new Sec.StringMatch())), "principals holds a match of no known kind" },
        { OfMatch(match => match.SourceIps.Add(new Sec.Address { Address_ = ByteString.CopyFrom(1), Length = 8 })), "source_ips" },
        { OfMatch(match => match.NotDestinationIps.Add(new Sec.Address { Address_ = Bytes("10.0.0.0"), Length = 64 })), "not_destination_ips" },
        { OfMatch(match => match.DestinationPorts.Add(65616)), "65616, which is no port" },
    };

    [Theory]
    [MemberData(nameof(RefusedPolicies))]
    public void A_policy_is_refused_rather_than_widened(Sec.Authorization policy, string words)
    {
        var refusal = Assert.Throws<MeshConfigException>(() => PolicyDecoder.Decode("a/p", policy.ToByteString()));
        Assert.Contains(words, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Any_bytes_are_decoded_or_refused_and_nothing_else()
    {
        var random = new Random(7);
        var valid = OfWorkload(workload => workload.Services["a/s"] = new PortList()).ToByteArray();
        for (var i = 0; i < 20_000; i++)
        {
            var bytes = (byte[])valid.Clone();
            for (var flips = random.Next(1, 6); flips > 0; flips--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            try
            {
                new WdsDecoder().DecodeAddress(ByteString.CopyFrom(bytes));
                PolicyDecoder.Decode("a/p", ByteString.CopyFrom(bytes));
            }
            catch (MeshConfigException)
            {
                // Refusing is one of the two right answers; any other exception fails the test.
            }
        }
    }

    private static ByteString Bytes(string address) => ByteString.CopyFrom(IPAddress.Parse(address).GetAddressBytes());

    private static Model.Workload Decode(Wds.Workload workload) =>
        new WdsDecoder().DecodeAddress(new Wds.Address { Workload = workload }.ToByteString()).Workload!;

    private static Wds.Address OfWorkload(Action<Wds.Workload> change)
    {
        var workload = new Wds.Workload { Uid = "u", Name = "n", Namespace = "a" };
        change(workload);
        return new Wds.Address { Workload = workload };
    }

    private static Wds.Address OfService(Action<Wds.Service> change)
    {
        var service = new Wds.Service { Name = "s", Namespace = "a", Hostname = "s.a" };
        change(service);
        return new Wds.Address { Service = service };
    }

    private static Sec.Authorization OfMatch(Action<Sec.Match> change)
    {
        var match = new Sec.Match();
        change(match);
        return new Sec.Authorization { Rules = { new Sec.Rule { Clauses = { new Sec.Clause { Matches = { match } } } } } };
    }
}
