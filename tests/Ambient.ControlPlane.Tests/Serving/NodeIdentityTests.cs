using Ambient.Api;
using Ambient.Api.Discovery;
using Ambient.ControlPlane.Authority;
using Ambient.ControlPlane.Serving;
using Google.Protobuf.WellKnownTypes;

namespace Ambient.ControlPlane.Tests.Serving;

public sealed class NodeIdentityTests
{
    private static readonly Caller Ztunnel = new(new SpiffeId("cluster.local", "istio-system", "ztunnel"), null, null);

    [Theory]
    [InlineData("ztunnel~10.8.0.200~ztunnel-1.istio-system~istio-system.svc.cluster.local", null, null, true)]
    [InlineData("ztunnel~10.8.0.200~ztunnel-1.shop~shop.svc.cluster.local", null, null, false)]
    [InlineData("x", "istio-system", null, true)]
    [InlineData("x", "shop", null, false)]
    [InlineData("x", "istio-system", "ztunnel", true)]
    [InlineData("x", "istio-system", "other", false)]
    [InlineData("x", null, null, true)]
    public void A_node_is_of_its_callers_namespace_and_account(string id, string? ns, string? account, bool accepted)
    {
        var node = new Node { Id = id, Metadata = new Struct() };
        if (ns is not null)
        {
            node.Metadata.Fields["NAMESPACE"] = Value.ForString(ns);
        }

        if (account is not null)
        {
            node.Metadata.Fields["SERVICE_ACCOUNT"] = Value.ForString(account);
        }

        Assert.Equal(accepted, XdsService.Mismatch(node, Ztunnel) is null);
    }
}
