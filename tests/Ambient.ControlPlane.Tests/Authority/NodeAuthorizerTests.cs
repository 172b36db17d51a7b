using Ambient.Api;
using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Authority;

namespace Ambient.ControlPlane.Tests.Authority;

public sealed class NodeAuthorizerTests
{
    private static readonly SpiffeId Web = new("cluster.local", "shop", "web");
    private static readonly Caller Ztunnel = new(new SpiffeId("cluster.local", "istio-system", "ztunnel"), "ztunnel-1", "uid-1");
    private readonly PodDirectory _pods = new();
    private readonly NodeAuthorizer _authorizer;

    public NodeAuthorizerTests()
    {
        _authorizer = new NodeAuthorizer(new HashSet<string> { "istio-system/ztunnel" }, _pods);
        Run("istio-system", "ztunnel-1", "ztunnel", "node-1", uid: "uid-1");
        Run("shop", "web-1", "web", "node-1");
        Run("shop", "db-1", "db", "node-2");
    }

    [Fact]
    public void A_node_proxy_may_act_for_what_runs_on_its_node() => Assert.Null(_authorizer.Refusal(Ztunnel, Web));

    [Fact]
    public void But_not_for_what_runs_elsewhere() =>
        Assert.Contains("no pod of shop/db is on node node-1", _authorizer.Refusal(Ztunnel, Web with { ServiceAccount = "db" }), StringComparison.Ordinal);

    [Fact]
    public void The_trust_domain_is_not_compared() => Assert.Null(_authorizer.Refusal(Ztunnel, Web with { TrustDomain = "other" }));

    [Fact]
    public void Another_account_may_not_impersonate()
    {
        var caller = Ztunnel with { Identity = Web, PodName = "web-1", PodUid = "web-1" };

        Assert.Contains("not allowed to impersonate", _authorizer.Refusal(caller, Web), StringComparison.Ordinal);
    }

    [Fact]
    public void A_token_of_an_earlier_pod_of_the_same_name_does_not_count() =>
        Assert.Contains("UID does not match", _authorizer.Refusal(Ztunnel with { PodUid = "uid-0" }, Web), StringComparison.Ordinal);

    [Fact]
    public void A_token_of_no_pod_does_not_count() =>
        Assert.Contains("not bound to a pod", _authorizer.Refusal(Ztunnel with { PodName = null, PodUid = null }, Web), StringComparison.Ordinal);

    [Fact]
    public void A_pod_of_another_account_does_not_count()
    {
        Run("istio-system", "ztunnel-1", "other", "node-1", uid: "uid-1");

        Assert.Contains("service account does not match", _authorizer.Refusal(Ztunnel, Web), StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_pod_does_not_count() =>
        Assert.Contains("is not known", _authorizer.Refusal(Ztunnel with { PodName = "ztunnel-9" }, Web), StringComparison.Ordinal);

    [Fact]
    public void A_failed_pod_does_not_count_and_an_ended_one_does()
    {
        Run("shop", "web-1", "web", "node-1", phase: "Succeeded");
        Assert.Null(_authorizer.Refusal(Ztunnel, Web));

        Run("shop", "web-1", "web", "node-1", phase: "Failed");
        Assert.NotNull(_authorizer.Refusal(Ztunnel, Web));
    }

    [Fact]
    public void The_last_pod_to_go_takes_the_permission_with_it()
    {
        Run("shop", "web-2", "web", "node-1");
        _pods.Set("shop/web-1", null);
        Assert.Null(_authorizer.Refusal(Ztunnel, Web));

        _pods.Set("shop/web-2", null);
        Assert.NotNull(_authorizer.Refusal(Ztunnel, Web));
    }

    [Fact]
    public void With_nobody_trusted_nobody_impersonates() =>
        Assert.NotNull(new NodeAuthorizer(new HashSet<string>(), _pods).Refusal(Ztunnel, Web));

    private void Run(string ns, string name, string account, string node, string? uid = null, string phase = "Running") => _pods.Set($"{ns}/{name}", new Pod
    {
        Metadata = new ObjectMeta { Namespace = ns, Name = name, Uid = uid ?? name },
        Spec = new PodSpec { ServiceAccountName = account, NodeName = node },
        Status = new PodStatus { Phase = phase },
    });
}
