using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Derivation;
using Ambient.ControlPlane.Entries;

namespace Ambient.ControlPlane.Tests.Entries;

/// <summary>Who has a host that several claim, and how entries come, change and go.</summary>
public sealed class EntryHostsTests
{
    private readonly MeshModel _model = new(new MeshSettings());

    [Fact]
    public void In_a_namespace_the_oldest_entry_has_a_host_and_others_mean_the_oldest_of_all()
    {
        _model.Apply(Entry("b", "shop", 2, "a.example"));
        _model.Apply(Entry("c", "shop", 3, "a.example", "own.example"));
        _model.Apply(Entry("a", "other", 1, "a.example"));

        var services = Services(_model.Settle());

        Assert.Equal(["other/a.example of a (canonical)", "shop/a.example of b", "shop/own.example of c (canonical)"], services);
    }

    [Fact]
    public void A_service_goes_before_any_entry_and_hands_its_host_on_when_it_goes()
    {
        _model.Apply(Entry("e", "shop", 1, "web.shop.svc.cluster.local"));
        _model.Apply(Entry("f", "other", 2, "web.shop.svc.cluster.local"));
        Assert.Equal(
            ["other/web.shop.svc.cluster.local of f", "shop/web.shop.svc.cluster.local of e (canonical)"], Services(_model.Settle()));

        _model.Apply("{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {clusterIP: 10.96.0.1, ports: [{port: 80}]}}");
        Assert.Equal(["shop/web.shop.svc.cluster.local of web (canonical)"], Services(_model.Settle()));

        _model.Inputs.Services.Set("shop/web", null);
        Assert.Equal(["shop/web.shop.svc.cluster.local of e (canonical)"], Services(_model.Settle()));
    }

    [Fact]
    public void An_entry_that_goes_takes_its_services_and_endpoints_along()
    {
        _model.Apply(Entry("e", "shop", 1, "a.example"));
        _model.Settle();

        _model.Inputs.ServiceEntries.Offer("shop/e", null);
        var changes = _model.Settle();

        Assert.Equal(
            ["Kubernetes/networking.istio.io/ServiceEntry/shop/e/192.0.2.1", "shop/a.example"], changes.Addresses.Keys.Order(StringComparer.Ordinal));
        Assert.All(changes.Addresses.Values, Assert.Null);
    }

    [Fact]
    public void A_bad_version_of_an_entry_changes_nothing()
    {
        _model.Apply(Entry("e", "shop", 1, "a.example"));
        _model.Settle();

        _model.Apply(Entry("e", "shop", 1, "*"));

        Assert.Empty(_model.Settle().Addresses);
    }

    [Fact]
    public void Addresses_stay_where_they_are_and_new_hosts_get_the_next()
    {
        ServiceEntry[] entries =
        [
            Of("old", ["a.example"], [("a.example", "240.240.0.2"), ("a.example", "2001:2::2")]),
            Of("named", ["x.example"], []) with { Spec = new ServiceEntrySpec { Hosts = ["x.example"], Resolution = "DNS", Addresses = ["240.240.0.1"] } },
            Of("new", ["b.example", "c.example"], []),
            Of("none", ["d.example"], []) with { Spec = new ServiceEntrySpec { Hosts = ["d.example"], Resolution = "NONE" } },
            Of("wild", ["*.example"], []),
            Of("out", ["e.example"], [("e.example", "240.240.0.9"), ("e.example", "2001:2::9")]) with
            {
                Metadata = new ObjectMeta { Name = "out", Namespace = "shop", Labels = new Dictionary<string, string> { ["networking.istio.io/enable-autoallocate-ip"] = "false" } },
            },
            Of("twice", ["f.example"], [("f.example", "240.240.0.2"), ("f.example", "2001:2::2")]),
        ];

        var due = EntryAddresses.Due(entries);

        Assert.Equal(["shop/new", "shop/out", "shop/twice"], due.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(
            ["b.example 240.240.0.3", "b.example 2001:2::3", "c.example 240.240.0.4", "c.example 2001:2::4"],
            due["shop/new"].Select(address => $"{address.Host} {address.Value}"));
        Assert.Empty(due["shop/out"]);
        Assert.Equal("240.240.0.5", due["shop/twice"][0].Value);
    }

    private static ServiceEntry Of(string name, string[] hosts, (string Host, string Value)[] addresses) => new()
    {
        Metadata = new ObjectMeta { Name = name, Namespace = "shop" },
        Spec = new ServiceEntrySpec { Hosts = hosts, Resolution = "DNS" },
        Status = new ServiceEntryStatus { Addresses = [.. addresses.Select(address => new ServiceEntryAddress { Host = address.Host, Value = address.Value })] },
    };

    private static IEnumerable<string> Services(MeshChanges changes) => changes.Addresses.Values
        .Select(address => address?.Service).OfType<Api.Workloads.Service>()
        .Select(service => $"{service.Namespace}/{service.Hostname} of {service.Name}{(service.Canonical ? " (canonical)" : "")}")
        .Order(StringComparer.Ordinal);

    private static string Entry(string name, string ns, int day, params string[] hosts) => $$"""
        apiVersion: networking.istio.io/v1
        kind: ServiceEntry
        metadata: {name: {{name}}, namespace: {{ns}}, creationTimestamp: "2026-01-0{{day}}T00:00:00Z"}
        spec:
          hosts: ["{{string.Join("\", \"", hosts)}}"]
          ports: [{number: 80, name: http, protocol: HTTP}]
          resolution: STATIC
          endpoints: [{address: 192.0.2.1}]
        """;
}
