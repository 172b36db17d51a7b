using Ambient.Api;
using Ambient.Api.Kubernetes;
using Ambient.Sandbox.Controllers;
using Ambient.Sandbox.Processes;

namespace Ambient.Sandbox.Tests;

/// <summary>Endpoints of services, and the rules that lead to them; nft itself reads every rule set.</summary>
public sealed class ServiceRulesTests
{
    [Fact]
    public async Task Rules_lead_to_ready_endpoints_of_both_families_and_refuse_where_there_are_none()
    {
        var rules = ServiceRules.Render("node-1", [Service("web", "10.9.240.1", "fd00::f1"), Service("empty", "10.9.240.2")],
        [
            Slice("web", "IPv4", Endpoint("10.9.1.2"), Endpoint("10.9.2.2"), Endpoint("10.9.1.9", ready: false)),
            Slice("web", "IPv6", Endpoint("fd00::2")),
        ]);
        Assert.Contains("ip daddr 10.9.240.1 tcp dport 80 dnat ip to numgen random mod 2 map { 0 : 10.9.1.2 . 8080, 1 : 10.9.2.2 . 8080 }", rules, StringComparison.Ordinal);
        Assert.Contains("ip6 daddr fd00::f1 tcp dport 80 dnat ip6 to numgen random mod 1 map { 0 : fd00::2 . 8080 }", rules, StringComparison.Ordinal);
        Assert.Contains("ip daddr 10.9.240.2 tcp dport 80 reject with tcp reset", rules, StringComparison.Ordinal);
        Assert.DoesNotContain("10.9.1.9", rules, StringComparison.Ordinal);
        await AcceptedByNftAsync(rules);
    }

    [Fact]
    public async Task No_services_are_a_valid_rule_set_too() => await AcceptedByNftAsync(ServiceRules.Render("node-1", [], []));

    [Fact]
    public void When_nothing_is_ready_endpoints_that_end_but_serve_are_used()
    {
        var rules = ServiceRules.Render("node-1", [Service("web", "10.9.240.1")],
            [Slice("web", "IPv4", Endpoint("10.9.1.2", ready: false, serving: true, terminating: true), Endpoint("10.9.1.3", ready: false, terminating: true))]);
        Assert.Contains("map { 0 : 10.9.1.2 . 8080 }", rules, StringComparison.Ordinal);
    }

    [Fact]
    public void A_local_service_uses_the_nodes_own_endpoints_only()
    {
        var service = Service("web", "10.9.240.1");
        var rules = ServiceRules.Render("node-2", [service with { Spec = service.Spec! with { InternalTrafficPolicy = "Local" } }],
            [Slice("web", "IPv4", Endpoint("10.9.1.2", node: "node-1"), Endpoint("10.9.2.2", node: "node-2"))]);
        Assert.Contains("map { 0 : 10.9.2.2 . 8080 }", rules, StringComparison.Ordinal);
    }

    [Fact]
    public void Slices_follow_pods_by_selector_readiness_family_and_named_port()
    {
        var service = Service("web", "10.9.240.1") with
        {
            Spec = new ServiceSpec
            {
                Selector = new Dictionary<string, string> { ["app"] = "web" },
                IpFamilies = ["IPv4", "IPv6"],
                Ports = [new ServicePort { Name = "http", Port = 80, TargetPort = new IntOrString(null, "http") }],
            },
        };
        Pod[] pods =
        [
            Pod("a", "web", 8080, "True"), Pod("b", "web", 8080, "False"), Pod("c", "web", 9999, "True"), Pod("d", "other", 8080, "True"),
            Pod("e", "web", 8080, "True") with { Status = new PodStatus { Phase = "Succeeded", PodIPs = [new PodIP { Ip = "10.9.1.7" }] } },
        ];
        var slices = EndpointSliceController.Slices(service, pods);
        Assert.Equal(["IPv4:8080:a,b", "IPv4:9999:c", "IPv6:8080:a,b", "IPv6:9999:c"], slices
            .Select(slice => $"{slice.AddressType}:{slice.Ports![0].Port}:{string.Join(',', slice.Endpoints!.Select(endpoint => endpoint.TargetRef!.Name))}")
            .Order(StringComparer.Ordinal));
        var conditions = slices.SelectMany(slice => slice.Endpoints!).Where(endpoint => endpoint.TargetRef!.Name == "b").Select(endpoint => endpoint.Conditions).Distinct();
        Assert.Equal([new EndpointConditions { Ready = false, Serving = false, Terminating = false }], conditions);
        Assert.Equal(slices.Count, slices.Select(slice => slice.Metadata.Name).Distinct().Count());
    }

    private static async Task AcceptedByNftAsync(string rules)
    {
        var name = $"ambtest-{Guid.NewGuid():n}"[..20];
        await Command.ScriptAsync($"ip netns add {name}");
        try
        {
            // Twice: the second time it replaces what the first one made.
            await Command.RunAsync("ip", ["netns", "exec", name, "nft", "-f", "-"], rules);
            await Command.RunAsync("ip", ["netns", "exec", name, "nft", "-f", "-"], rules);
        }
        finally
        {
            await Command.ScriptAsync($"ip netns delete {name}");
        }
    }

    private static Service Service(string name, params string[] addresses) => new()
    {
        Metadata = new ObjectMeta { Name = name, Namespace = "default" },
        Spec = new ServiceSpec { ClusterIP = addresses[0], ClusterIPs = addresses, Ports = [new ServicePort { Port = 80 }] },
    };

    private static EndpointSlice Slice(string service, string type, params Endpoint[] endpoints) => new()
    {
        Metadata = new ObjectMeta { Name = service + type, Namespace = "default", Labels = new Dictionary<string, string> { [Labels.ServiceName] = service } },
        AddressType = type,
        Ports = [new EndpointPort { Name = "", Port = 8080, Protocol = "TCP" }],
        Endpoints = endpoints,
    };

    private static Endpoint Endpoint(string address, bool ready = true, bool serving = false, bool terminating = false, string? node = null) => new()
    {
        Addresses = [address],
        NodeName = node,
        Conditions = new EndpointConditions { Ready = ready, Serving = serving, Terminating = terminating },
    };

    private static Pod Pod(string name, string app, int port, string ready) => new()
    {
        Metadata = new ObjectMeta { Name = name, Namespace = "default", Labels = new Dictionary<string, string> { ["app"] = app } },
        Spec = new PodSpec { Containers = [new Container { Name = "c", Ports = [new ContainerPort { Name = "http", Port = port }] }] },
        Status = new PodStatus
        {
            Phase = "Running",
            PodIPs = [new PodIP { Ip = "10.9.1.1" }, new PodIP { Ip = "fd00::1" }],
            Conditions = [new Condition { Type = "Ready", Status = ready }],
        },
    };
}
