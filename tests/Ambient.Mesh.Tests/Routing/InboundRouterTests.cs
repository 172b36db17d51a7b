using System.Net;
using Ambient.Mesh.Routing;

namespace Ambient.Mesh.Tests.Routing;

/// <summary>Where a tunnelled connection goes, or what refuses it.</summary>
public sealed class InboundRouterTests
{
    private static readonly World Mesh = new("""
        workloads:
        - {uid: pod, name: pod, namespace: a, workloadIps: [10.0.0.1], services: {a/web.a.svc: {80: 8080}, a/sealed.a.svc: {}}}
        - {uid: behind, name: behind, namespace: a, workloadIps: [10.0.0.2], waypoint: {destination: a/wp.a.svc, hboneMtlsPort: 15008}}
        - {uid: wp, name: wp, namespace: a, workloadIps: [10.0.0.3], services: {a/wp.a.svc: {15008: 15008}}}
        - {uid: tunnel, name: tunnel, namespace: a, workloadIps: [10.0.0.4], applicationTunnel: {protocol: PROXY, port: 15088}}
        - {uid: keepport, name: keepport, namespace: a, workloadIps: [10.0.0.5], applicationTunnel: {protocol: NONE}}
        - {uid: behindip, name: behindip, namespace: a, workloadIps: [10.0.0.6], waypoint: {destination: /10.0.0.3, hboneMtlsPort: 15008}}
        services:
        - {name: web, namespace: a, hostname: web.a.svc, vips: [/10.1.0.1], ports: {80: 0, 81: 8181}}
        - {name: sealed, namespace: a, hostname: sealed.a.svc, vips: ["/fd01::2", n9/10.1.0.2], ports: {80: 0}, waypoint: {destination: a/wp.a.svc, hboneMtlsPort: 15008}}
        - {name: wp, namespace: a, hostname: wp.a.svc, vips: [/10.1.0.3], ports: {15008: 15008}}
        """);

    [Theory]
    [InlineData("pod", "10.0.0.1:80", 200, "10.0.0.1:80")]
    [InlineData("pod", "10.0.0.9:80", 400, null)] // somebody else
    [InlineData("pod", "10.0.0.2:80", 400, null)] // a pod behind a waypoint that is not us
    [InlineData("pod", "10.1.0.1:80", 400, null)] // our own service, but tunnels carry workload addresses
    [InlineData("pod", "web.a.svc:80", 200, "10.0.0.1:8080")] // named port: the endpoint's
    [InlineData("pod", "web.a.svc:81", 200, "10.0.0.1:8181")] // numbered: the service's
    [InlineData("pod", "web.a.svc:82", 503, null)]
    [InlineData("pod", "sealed.a.svc:80", 503, null)] // named port that we do not have
    [InlineData("pod", "nosuch.a.svc:80", 503, null)]
    [InlineData("pod", "10.0.0.1:15001", 503, null)]
    [InlineData("pod", "10.0.0.1:15006", 503, null)]
    [InlineData("pod", "10.0.0.1:15008", 503, null)] // a tunnel in a tunnel
    [InlineData("wp", "10.0.0.2:80", 200, "10.0.0.3:80")] // waypoint for a workload
    [InlineData("wp", "10.0.0.6:80", 200, "10.0.0.3:80")] // by the waypoint's address
    [InlineData("wp", "[fd01::2]:80", 200, "10.0.0.3:80")] // waypoint for a service
    [InlineData("wp", "10.1.0.1:80", 400, null)] // a service that has no waypoint
    [InlineData("tunnel", "10.0.0.2:80", 200, "10.0.0.4:15088")] // an application tunnel takes anything
    [InlineData("tunnel", "web.a.svc:82", 200, "10.0.0.4:15088")]
    [InlineData("keepport", "10.0.0.2:80", 200, "10.0.0.5:80")]
    public void An_authority_leads(string workload, string authority, int status, string? destination)
    {
        var decision = Mesh.Inbound(workload, authority);
        Assert.Equal(status, decision.Status);
        Assert.Equal(destination, decision.Destination?.ToString());
        Assert.Equal(status != 200, decision.Detail is not null);
    }

    [Theory]
    [InlineData("10.0.0.2:80", "10.0.0.2:80")]
    [InlineData("web.a.svc:80", "10.1.0.1:80")] // the service's address stands for its name
    public void A_PROXY_header_names_the_destination_that_was_asked_for(string authority, string named)
    {
        var decision = Mesh.Inbound("tunnel", authority);
        Assert.True(decision.ProxyProtocol);
        Assert.Equal(named, decision.ProxyDestination?.ToString());
    }

    [Fact]
    public void A_mismatch_names_both_addresses() =>
        Assert.Equal("ip mismatch: 10.0.0.1 != 10.0.0.9", Mesh.Inbound("pod", "10.0.0.9:80").Detail);

    [Theory]
    [InlineData(8080, null, "web.a.svc")] // by the endpoint's port
    [InlineData(8181, null, "web.a.svc")] // by the service's port
    [InlineData(9999, null, null)]
    [InlineData(9999, "sealed.a.svc", "sealed.a.svc")] // the client's proxy says so
    [InlineData(8080, "elsewhere.a.svc", "web.a.svc")] // it may only name services that we are in
    public void A_connection_is_attributed_to_a_service(int port, string? forwarded, string? hostname)
    {
        var pod = Mesh.Workload("pod") with { DeclaresServices = true };
        Assert.Equal(hostname, InboundRouter.Attribute(Mesh.Mesh, pod, port, forwarded)?.Hostname);
    }

    [Theory]
    [InlineData("10.0.0.1:80")]
    [InlineData("[fd00::1]:80")]
    [InlineData("web.a.svc:80")]
    public void An_authority_is_read_and_written_alike(string text)
    {
        Assert.True(HboneAuthority.TryParse(text, out var authority));
        Assert.Equal(text, authority.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("10.0.0.1")]
    [InlineData("10.0.0.1:")]
    [InlineData("10.0.0.1:65536")]
    [InlineData(":80")]
    [InlineData("[fd00::1:80")]
    [InlineData("fd00::1:80")]
    [InlineData("user@host:80")]
    [InlineData("host name:80")]
    [InlineData("[zz]:80")]
    [InlineData("a:-1")]
    public void Anything_else_is_no_authority(string text) => Assert.False(HboneAuthority.TryParse(text, out _));

    [Fact]
    public void A_mapped_address_is_the_IPv4_address_it_maps()
    {
        Assert.True(HboneAuthority.TryParse("[::ffff:10.0.0.1]:80", out var authority));
        Assert.Equal(IPAddress.Parse("10.0.0.1"), authority.Address);
    }
}
