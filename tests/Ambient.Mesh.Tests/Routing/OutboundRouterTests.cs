using Ambient.Mesh.Routing;

namespace Ambient.Mesh.Tests.Routing;

/// <summary>Where a captured connection goes: a table over one mesh that has one of everything.</summary>
public sealed class OutboundRouterTests
{
    private static readonly World Mesh = new("""
        workloads:
        - {uid: client, name: client, namespace: a, serviceAccount: client, workloadIps: [10.0.0.1], protocol: HBONE, node: n1}
        - {uid: plain, name: plain, namespace: a, workloadIps: [10.0.0.2], protocol: TCP}
        - {uid: far, name: far, namespace: a, workloadIps: [10.0.0.3], protocol: HBONE, node: n2, services: {a/web.a.svc: {80: 8080}}}
        - {uid: near, name: near, namespace: a, workloadIps: [10.0.0.4], protocol: HBONE, node: n1}
        - {uid: six, name: six, namespace: a, workloadIps: ["fd00::6"], protocol: HBONE, waypoint: {destination: /10.0.0.20, hboneMtlsPort: 15008}}
        - {uid: waypointed, name: waypointed, namespace: a, workloadIps: [10.0.0.7], protocol: HBONE, waypoint: {destination: /10.0.0.20, hboneMtlsPort: 15008}}
        - {uid: lost, name: lost, namespace: a, workloadIps: [10.0.0.8], protocol: HBONE, waypoint: {destination: a/nosuch.a.svc, hboneMtlsPort: 15008}}
        - {uid: host, name: host, namespace: a, workloadIps: [192.168.0.1], networkMode: HostNetwork, protocol: TCP, services: {a/onhost.a.svc: {80: 9100}}}
        - {uid: dual, name: dual, namespace: a, workloadIps: [10.0.0.9, "fd00::9"], protocol: HBONE, services: {a/dual.a.svc: {80: 80}, a/six.a.svc: {80: 80}}}
        - {uid: waypoint, name: waypoint, namespace: a, serviceAccount: waypoint, workloadIps: [10.0.0.20], protocol: HBONE, services: {a/waypoint.a.svc: {15008: 15008}}}
        - {uid: named, name: named, namespace: a, workloadIps: [10.0.0.30], protocol: TCP, services: {a/named.a.svc: {80: 8088}}}
        - {uid: unnamed, name: unnamed, namespace: a, workloadIps: [10.0.0.31], protocol: TCP, services: {a/named.a.svc: {}}}
        - {uid: sick, name: sick, namespace: a, workloadIps: [10.0.0.32], protocol: TCP, status: Unhealthy, services: {a/sick.a.svc: {80: 80}, a/any.a.svc: {80: 80}}}
        - {uid: dns, name: dns, namespace: a, hostname: db.example, protocol: TCP, services: {a/dns.a.svc: {80: 5432}}}
        - {uid: nowhere, name: nowhere, namespace: a, protocol: HBONE}
        - {uid: gateway, name: gateway, namespace: gw, serviceAccount: gateway, workloadIps: [10.0.0.40], protocol: HBONE, services: {gw/gateway.gw.svc: {15009: 15008}}}
        - {uid: remote, name: remote, namespace: a, network: n2, workloadIps: [10.7.0.1], protocol: HBONE, networkGateway: {destination: /10.0.0.40, hboneMtlsPort: 15008}, services: {a/remote.a.svc: {80: 80}}}
        - {uid: remote2, name: remote2, namespace: a, network: n2, protocol: HBONE, networkGateway: {destination: gw/gateway.gw.svc, hboneMtlsPort: 15009}, services: {a/remote2.a.svc: {80: 80}}}
        - {uid: cutoff, name: cutoff, namespace: a, network: n3, workloadIps: [10.8.0.1], protocol: HBONE, services: {a/cutoff.a.svc: {80: 80}}}
        - {uid: remotewaypoint, name: rw, namespace: a, network: n2, workloadIps: [10.7.0.9], protocol: HBONE, networkGateway: {destination: /10.0.0.40, hboneMtlsPort: 15008}, services: {a/rw.a.svc: {15008: 15008}}}
        services:
        - {name: web, namespace: a, hostname: web.a.svc, vips: [/10.1.0.1], ports: {80: 0}, subjectAltNames: ["spiffe://td/ns/a/sa/web"]}
        - {name: guarded, namespace: a, hostname: guarded.a.svc, vips: [/10.1.0.2], ports: {80: 0}, waypoint: {destination: a/waypoint.a.svc, hboneMtlsPort: 15008}}
        - {name: unguarded, namespace: a, hostname: unguarded.a.svc, vips: [/10.1.0.3], ports: {80: 0}, waypoint: {destination: a/nosuch.a.svc, hboneMtlsPort: 15008}}
        - {name: empty, namespace: a, hostname: empty.a.svc, vips: [/10.1.0.4], ports: {80: 80}}
        - {name: onhost, namespace: a, hostname: onhost.a.svc, vips: [/10.1.0.5], ports: {80: 0}}
        - {name: dual, namespace: a, hostname: dual.a.svc, vips: [/10.1.0.6, "/fd01::6"], ports: {80: 80}, ipFamilies: Dual}
        - {name: six, namespace: a, hostname: six.a.svc, vips: [/10.1.0.7], ports: {80: 80}, ipFamilies: IPv6}
        - {name: waypoint, namespace: a, hostname: waypoint.a.svc, vips: [/10.1.0.20], ports: {15008: 15008}, subjectAltNames: ["spiffe://td/ns/a/sa/shared"]}
        - {name: named, namespace: a, hostname: named.a.svc, vips: [/10.1.0.8], ports: {80: 0}}
        - {name: sick, namespace: a, hostname: sick.a.svc, vips: [/10.1.0.9], ports: {80: 80}}
        - {name: any, namespace: a, hostname: any.a.svc, vips: [/10.1.0.10], ports: {80: 80}, loadBalancer: {mode: Standard, healthPolicy: AllowAll}}
        - {name: through, namespace: a, hostname: through.a.svc, vips: [/10.1.0.11], ports: {80: 80}, loadBalancer: {mode: Passthrough}}
        - {name: throughguarded, namespace: a, hostname: throughguarded.a.svc, vips: [/10.1.0.12], ports: {80: 80}, loadBalancer: {mode: Passthrough}, waypoint: {destination: a/waypoint.a.svc, hboneMtlsPort: 15008}}
        - {name: dns, namespace: a, hostname: dns.a.svc, vips: [/10.1.0.13], ports: {80: 0}}
        - {name: gateway, namespace: gw, hostname: gateway.gw.svc, vips: [/10.1.0.40], ports: {15009: 15008}}
        - {name: remote, namespace: a, hostname: remote.a.svc, vips: [/10.1.0.14], ports: {80: 80}, subjectAltNames: ["spiffe://td/ns/a/sa/remote"]}
        - {name: remote2, namespace: a, hostname: remote2.a.svc, vips: [/10.1.0.15], ports: {80: 80}}
        - {name: cutoff, namespace: a, hostname: cutoff.a.svc, vips: [/10.1.0.16], ports: {80: 80}}
        - {name: rw, namespace: a, hostname: rw.a.svc, ports: {15008: 15008}}
        - {name: behindremote, namespace: a, hostname: behindremote.a.svc, vips: [/10.1.0.17], ports: {80: 80}, waypoint: {destination: a/rw.a.svc, hboneMtlsPort: 15008}}
        - {name: range, namespace: a, hostname: range.a.svc, cidrVips: [{network: "", cidr: 10.99.0.0/16}], ports: {80: 80}, loadBalancer: {mode: Passthrough}}
        """);

    [Theory]
    [InlineData("1.2.3.4:80", "passthrough 1.2.3.4:80")]
    [InlineData("127.0.0.1:15001", "refused SelfCall")]
    [InlineData("127.0.0.1:15006", "refused SelfCall")]
    [InlineData("127.0.0.1:15008", "refused SelfCall")]
    [InlineData("127.0.0.1:80", "passthrough 127.0.0.1:80")]
    [InlineData("10.0.0.2:80", "plaintext 10.0.0.2:80")]
    [InlineData("10.0.0.3:80", "hbone 10.0.0.3:15008 for 10.0.0.3:80")] // pod address, other node
    [InlineData("10.0.0.4:80", "hbone 10.0.0.4:15008 for 10.0.0.4:80")] // same node: no short cut
    [InlineData("10.1.0.1:80", "hbone 10.0.0.3:15008 for 10.0.0.3:8080")] // service
    [InlineData("10.1.0.1:81", "refused NoHealthyUpstream")] // port that the service lacks
    [InlineData("10.1.0.4:80", "refused NoHealthyUpstream")] // no endpoints
    [InlineData("10.1.0.9:80", "refused NoHealthyUpstream")] // unhealthy only
    [InlineData("10.1.0.10:80", "plaintext 10.0.0.32:80")] // unhealthy allowed
    [InlineData("10.0.0.7:80", "hbone 10.0.0.20:15008 for 10.0.0.7:80")] // workload waypoint
    [InlineData("[fd00::6]:80", "hbone 10.0.0.20:15008 for [fd00::6]:80")] // IPv6 workload behind an IPv4 waypoint
    [InlineData("10.0.0.8:80", "refused UnknownWaypoint")]
    [InlineData("10.1.0.2:80", "hbone 10.0.0.20:15008 for 10.1.0.2:80")] // service waypoint
    [InlineData("10.1.0.3:80", "refused UnknownWaypoint")] // never bypassed
    [InlineData("192.168.0.1:80", "passthrough 192.168.0.1:80")] // a node's address says nothing about its pods
    [InlineData("10.1.0.5:80", "plaintext 192.168.0.1:9100")] // but a service finds them
    [InlineData("10.1.0.6:80", "hbone 10.0.0.9:15008 for 10.0.0.9:80")] // dual stack follows the client
    [InlineData("[fd01::6]:80", "hbone [fd00::9]:15008 for [fd00::9]:80")]
    [InlineData("10.1.0.7:80", "hbone [fd00::9]:15008 for [fd00::9]:80")] // the service serves IPv6 only
    [InlineData("10.1.0.8:80", "plaintext 10.0.0.30:8088")] // named port: only endpoints that have it
    [InlineData("10.1.0.11:80", "passthrough 10.1.0.11:80")]
    [InlineData("10.1.0.12:80", "hbone 10.0.0.20:15008 for 10.1.0.12:80")] // waypoint before passthrough
    [InlineData("10.99.3.4:443", "passthrough 10.99.3.4:443")] // address range
    [InlineData("10.1.0.13:80", "plaintext db.example:5432")] // to be resolved
    [InlineData("10.1.0.14:80", "double 10.0.0.40:15008 for remote.a.svc:80")]
    [InlineData("10.1.0.15:80", "double 10.0.0.40:15008 for remote2.a.svc:80")] // gateway by host name, 15009 → 15008
    [InlineData("10.1.0.16:80", "refused UnknownNetworkGateway")]
    [InlineData("10.1.0.17:80", "double 10.0.0.40:15008 for behindremote.a.svc:80")] // the waypoint is in the other network
    [InlineData("10.1.0.20:15008", "hbone 10.0.0.20:15008 for 10.0.0.20:15008")] // the waypoint as a service
    public void A_destination_leads(string destination, string way) => Assert.Equal(way, Mesh.Way("client", destination));

    [Fact]
    public void The_waypoint_itself_goes_on_to_its_workload() =>
        Assert.Equal("hbone 10.0.0.7:15008 for 10.0.0.7:80", Mesh.Way("waypoint", "10.0.0.7:80"));

    [Fact]
    public void The_waypoints_identity_from_another_address_does_not_pass_for_the_waypoint() =>
        Assert.Equal("hbone 10.0.0.20:15008 for 10.0.0.7:80", Mesh.Way("waypoint", "10.0.0.7:80", client: "10.0.0.1"));

    [Fact]
    public void A_direct_peer_proves_a_name_of_the_service_or_its_own() =>
        Assert.Equal(
            ["spiffe://td/ns/a/sa/web", "spiffe://cluster.local/ns/a/sa/default"],
            Mesh.Outbound("client", "10.1.0.1:80").ExpectedIdentities.Select(id => id.ToString()));

    [Fact]
    public void A_waypoint_proves_a_name_of_its_service_or_its_own() =>
        Assert.Equal(
            ["spiffe://td/ns/a/sa/shared", "spiffe://cluster.local/ns/a/sa/waypoint"],
            Mesh.Outbound("client", "10.1.0.2:80").ExpectedIdentities.Select(id => id.ToString()));

    [Fact]
    public void The_inner_of_two_tunnels_proves_a_name_of_the_service_only() =>
        Assert.Equal(
            ["spiffe://td/ns/a/sa/remote"],
            Mesh.Outbound("client", "10.1.0.14:80").InnerIdentities.Select(id => id.ToString()));

    [Fact]
    public void An_endpoint_that_was_tried_is_not_chosen_again()
    {
        var decision = Mesh.Outbound("client", "10.1.0.1:80", tried: "far");
        Assert.Equal(RefusalReason.NoHealthyUpstream, decision.Refusal);
    }

    [Theory]
    [InlineData("10.1.0.1:81", "service a/web.a.svc has no port 81; it has 80")]
    [InlineData("10.1.0.4:80", "service a/empty.a.svc has no endpoints")]
    [InlineData("10.1.0.3:80", "waypoint nosuch.a.svc not found")]
    [InlineData("10.1.0.16:80", "network 'n3' of workload cutoff has no gateway")]
    public void A_refusal_says_what_is_missing(string destination, string detail)
    {
        var decision = Mesh.Outbound("client", destination);
        Assert.Equal(detail, decision.Detail);
        Assert.EndsWith(detail, RouteExplanation.Render(decision), StringComparison.Ordinal);
    }

    [Fact]
    public void The_steps_name_service_waypoint_and_workload()
    {
        var steps = string.Join('\n', RouteExplanation.Steps(Mesh.Outbound("client", "10.1.0.2:80")));
        Assert.Contains("service a/guarded.a.svc", steps, StringComparison.Ordinal);
        Assert.Contains("waypoint a/waypoint.a.svc port 15008", steps, StringComparison.Ordinal);
        Assert.Contains("workload waypoint", steps, StringComparison.Ordinal);
    }

    [Fact]
    public void A_workload_in_another_network_is_reached_by_service_only()
    {
        var mesh = new World("""
            workloads:
            - {uid: c, name: c, namespace: a, network: n2, workloadIps: [10.0.0.1], protocol: HBONE}
            - {uid: r, name: r, namespace: a, network: n2, workloadIps: [10.0.0.5], protocol: HBONE, waypoint: {destination: n1/10.3.0.1, hboneMtlsPort: 15008}}
            - {uid: w, name: w, namespace: a, network: n1, workloadIps: [10.3.0.1], protocol: HBONE}
            """);
        Assert.Equal("refused CrossNetworkNeedsService", mesh.Way("c", "10.0.0.5:80"));
    }

    [Fact]
    public void An_endpoint_without_address_and_name_is_refused()
    {
        var mesh = new World("""
            workloads:
            - {uid: c, name: c, namespace: a, workloadIps: [10.0.0.1], protocol: HBONE}
            - {uid: w, name: w, namespace: a, hostname: w.example, protocol: HBONE}
            - {uid: x, name: x, namespace: a, workloadIps: [10.0.0.2], protocol: HBONE, waypoint: {destination: a/w.example, hboneMtlsPort: 15008}}
            """);
        Assert.Equal("hbone w.example:15008 for 10.0.0.2:80", mesh.Way("c", "10.0.0.2:80"));
    }
}
