using System.Net;
using Ambient.Api;
using Ambient.Hbone;
using Ambient.Mesh.Model;
using Ambient.Proxy.Headers;
using Ambient.Ztunnel.Headers;

namespace Ambient.Ztunnel.Tests.Headers;

/// <summary>What proxies tell each other besides the destination. Peers may send anything.</summary>
public sealed class HeaderTests
{
    [Fact]
    public void Baggage_is_written_in_order_and_without_what_is_empty()
    {
        var workload = new Workload { Uid = "u", Name = "n", Namespace = "shop", WorkloadName = "job", Type = WorkloadType.Cronjob, CanonicalName = "web", Locality = new("", "z1", "") };
        Assert.Equal(
            "k8s.cluster.name=Kubernetes,k8s.namespace.name=shop,k8s.cronjob.name=job,service.name=web,cloud.availability_zone=z1",
            Baggage.Of(workload));
    }

    [Theory]
    [InlineData("k8s.namespace.name=shop,k8s.deployment.name=web,service.name=svc,service.version=v1,cloud.region=r,cloud.availability_zone=z,k8s.cluster.name=c", "shop web web svc v1 r z c")]
    [InlineData("k8s.namespace.name=a,k8s.namespace.name=b", "b       ")] // later wins
    [InlineData("k8s.namespace.name=a=b", "a       ")] // up to the second equals sign
    [InlineData("k8s.namespace.name=", "       ")]
    [InlineData("nonsense,,=,x=y", "       ")]
    [InlineData(" k8s.namespace.name=a", "       ")] // no trimming
    public void Baggage_is_read(string header, string expected)
    {
        var party = Baggage.Read(new HeaderList(new HeaderField("baggage", header)))!;
        Assert.Equal(expected, string.Join(' ', party.Namespace, party.WorkloadName, party.App, party.CanonicalService, party.CanonicalRevision, party.Region, party.Zone, party.Cluster));
    }

    [Fact]
    public void Several_baggage_headers_count_together_and_one_bad_one_spoils_all()
    {
        var both = new HeaderList(new HeaderField("baggage", "service.name=a"), new HeaderField("baggage", "service.version=v"));
        Assert.Equal(("a", "v"), (Baggage.Read(both)!.CanonicalService, Baggage.Read(both)!.CanonicalRevision));
        Assert.Null(Baggage.Read(new HeaderList(new HeaderField("baggage", "service.name=a"), new HeaderField("baggage", "service.version=\u00e9"))));
        Assert.Null(Baggage.Read(HeaderList.Empty));
    }

    [Theory]
    [InlineData("for=\"10.0.0.1:80\";host=web.shop.svc", "web.shop.svc")]
    [InlineData("for=x; HOST=\"web\"", "web")]
    [InlineData("host=", null)]
    [InlineData("for=x", null)]
    [InlineData("host=\u00e9", null)]
    [InlineData(null, null)]
    public void The_service_is_read_from_forwarded(string? header, string? host) => Assert.Equal(host, Forwarded.Host(header));

    [Fact]
    public void Forwarded_brackets_IPv6() =>
        Assert.Equal("for=\"[fd00::1]:80\";host=web", Forwarded.Of(new IPEndPoint(IPAddress.Parse("fd00::1"), 80), "web"));

    [Fact]
    public void A_new_trace_has_the_form_of_W3C() =>
        Assert.Matches("^00-[0-9a-f]{32}-[0-9a-f]{16}-00$", TraceParent.New(new Random(1)));

    [Fact]
    public void A_PROXY_header_is_as_specified()
    {
        var header = Convert.ToHexStringLower(ProxyProtocolHeader.Of(
            IPEndPoint.Parse("10.0.0.1:1000"), IPEndPoint.Parse("10.0.0.2:80"), new SpiffeId("t", "n", "s"), null));
        var identity = Convert.ToHexStringLower(System.Text.Encoding.ASCII.GetBytes("spiffe://t/ns/n/sa/s"));
        const string Signature = "0d0a0d0a000d0a515549540a";
        Assert.Equal(Signature + "2111" + "0023" + "0a000001" + "0a000002" + "03e8" + "0050" + "d0" + "0014" + identity, header);
    }

    [Fact]
    public void A_PROXY_header_of_mixed_families_is_IPv6_and_names_the_service()
    {
        var header = ProxyProtocolHeader.Of(IPEndPoint.Parse("[fd00::1]:1"), IPEndPoint.Parse("10.0.0.2:80"), null, "web");
        Assert.Equal((0x21, 36 + 6), (header[13], (header[14] << 8) | header[15]));
        Assert.Equal("d1" + "0003" + "776562", Convert.ToHexStringLower(header[^6..]));
    }
}
