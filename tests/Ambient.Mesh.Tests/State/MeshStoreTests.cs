using System.Net;
using Ambient.Mesh.Model;
using Ambient.Mesh.State;
using FsCheck;
using FsCheck.Fluent;

namespace Ambient.Mesh.Tests.State;

/// <summary>Changes to the mesh: what is found afterwards, and what a change costs.</summary>
public sealed class MeshStoreTests
{
    [Fact]
    public void Any_order_of_changes_ends_where_the_last_state_alone_would() => Prop.ForAll<int>(seed =>
    {
        var random = new Random(seed);
        var store = new MeshStore();
        var workloads = new Dictionary<string, Workload>();
        var services = new Dictionary<string, Service>();
        for (var step = 0; step < 30; step++)
        {
            var update = RandomUpdate(random);
            foreach (var name in update.RemovedAddresses)
            {
                if (!workloads.Remove(name))
                {
                    services.Remove(name);
                }
            }

            update.Workloads.ForEach(workload => workloads[workload.Uid] = workload);
            update.Services.ForEach(service => services[service.Key] = service);
            store.Apply(update);
        }

        var scratch = new MeshStore();
        var all = new MeshUpdate();
        all.Workloads.AddRange(workloads.Values);
        all.Services.AddRange(services.Values);
        scratch.Apply(all);
        return View(store.Current) == View(scratch.Current);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void An_endpoint_may_come_before_its_service()
    {
        var store = new MeshStore();
        store.Apply(new MeshUpdate { Workloads = { Pod("p", "10.0.0.1") } });
        store.Apply(new MeshUpdate { Services = { new Service { Name = "s", Namespace = "a", Hostname = "s", Ports = [new(80, 80)] } } });
        Assert.Equal(1, store.Current.EndpointsOf("a/s").Count);
    }

    [Fact]
    public void An_address_that_moves_between_pods_in_one_update_is_the_new_pods()
    {
        var store = new MeshStore();
        store.Apply(new MeshUpdate { Workloads = { Pod("old", "10.0.0.1"), Pod("new", "10.0.0.2") } });
        store.Apply(new MeshUpdate { Workloads = { Pod("new", "10.0.0.1"), Pod("old", "10.0.0.3") } });
        Assert.Equal("new", store.Current.FindWorkload("", IPAddress.Parse("10.0.0.1"))!.Uid);
        Assert.Equal("old", store.Current.FindWorkload("", IPAddress.Parse("10.0.0.3"))!.Uid);
        Assert.Null(store.Current.FindWorkload("", IPAddress.Parse("10.0.0.2")));
    }

    [Fact]
    public void Where_two_claim_an_address_a_pod_comes_first_then_one_that_speaks_HBONE()
    {
        var store = new MeshStore();
        var address = IPAddress.Parse("10.0.0.1");
        store.Apply(new MeshUpdate { Workloads = { Pod("entry", "10.0.0.1") } });
        store.Apply(new MeshUpdate { Workloads = { Pod("hbone", "10.0.0.1") with { Protocol = TunnelProtocol.Hbone } } });
        Assert.Equal("hbone", store.Current.FindWorkload("", address)!.Uid);
        store.Apply(new MeshUpdate { Workloads = { Pod("c//Pod/a/p", "10.0.0.1") } });
        Assert.Equal("c//Pod/a/p", store.Current.FindWorkload("", address)!.Uid);
        store.Apply(new MeshUpdate { RemovedAddresses = { "c//Pod/a/p" } });
        Assert.Equal("hbone", store.Current.FindWorkload("", address)!.Uid);
    }

    [Fact]
    public void A_workload_of_this_node_is_found_as_enrolment_names_it()
    {
        var store = new MeshStore("n1");
        store.Apply(new MeshUpdate { Workloads = { Pod("here", "10.0.0.1") with { Node = "n1" }, Pod("there", "10.0.0.2") with { Node = "n2" } } });
        Assert.Equal("here", store.Current.FindLocalWorkload(new WorkloadKey("here", "a", "default"))!.Uid);
        Assert.Null(store.Current.FindLocalWorkload(new WorkloadKey("there", "a", "default")));
        Assert.Null(store.Current.FindLocalWorkload(new WorkloadKey("here", "a", "other")));
    }

    [Fact]
    public void A_change_says_whose_policies_changed()
    {
        var store = new MeshStore();
        store.Apply(new MeshUpdate { Workloads = { Pod("p", "10.0.0.1"), Pod("q", "10.0.0.2") } });
        var change = store.Apply(new MeshUpdate { Workloads = { Pod("p", "10.0.0.1") with { AuthorizationPolicies = ["a/x"] }, Pod("q", "10.0.0.2") } });
        Assert.Equal(["p"], change.WorkloadsPoliced);
        Assert.False(change.PoliciesChanged);
        change = store.Apply(new MeshUpdate { Policies = { Policy("x", PolicyScope.Global) } });
        Assert.True(change.PoliciesChanged);
    }

    [Fact]
    public void A_policy_that_changes_its_scope_leaves_its_old_place()
    {
        var store = new MeshStore();
        store.Apply(new MeshUpdate { Policies = { Policy("x", PolicyScope.Global) } });
        store.Apply(new MeshUpdate { Policies = { Policy("x", PolicyScope.Namespace) } });
        Assert.Empty(store.Current.GlobalPolicies);
        Assert.Single(store.Current.PoliciesOf("a"));
        store.Apply(new MeshUpdate { RemovedPolicies = { "a/x" } });
        Assert.Empty(store.Current.PoliciesOf("a"));
        Assert.Empty(store.Current.Policies);
    }

    [Theory]
    [InlineData("a", "a")] // the client's own namespace
    [InlineData("z", "c")] // then the canonical service
    [InlineData("hidden", "hidden")] // a service that keeps to itself is seen at home only
    public void A_shared_address_belongs_to(string client, string expected)
    {
        var store = new MeshStore();
        foreach (var ns in new[] { "hidden", "b", "a", "c" })
        {
            store.Apply(new MeshUpdate { Services = { Vip(ns) with { Canonical = ns == "c", NamespaceOnly = ns == "hidden" } } });
        }

        Assert.Equal(expected, store.Current.FindServiceByVip("", IPAddress.Parse("10.1.0.1"), client)!.Namespace);
        Assert.Equal(expected, store.Current.FindServiceByHostname("s", client)!.Namespace);
    }

    [Theory]
    [InlineData("10.2.3.4", "z", "long")] // longest prefix
    [InlineData("10.2.9.9", "z", "short")]
    [InlineData("10.2.3.4", "short", "short")] // the own namespace before the longest prefix
    [InlineData("10.2.3.5", "z", "exact")] // a single address before every range
    [InlineData("10.2.3.5", "long", "exact")]
    [InlineData("fd00::5", "z", "six")]
    [InlineData("10.3.0.1", "z", null)]
    public void A_range_belongs_to(string address, string client, string? expected)
    {
        var store = new MeshStore();
        store.Apply(new MeshUpdate
        {
            Services =
            {
                Range("short", "10.2.0.0/16"), Range("long", "10.2.3.0/24"), Range("six", "fd00::/8"),
                new Service { Name = "s", Namespace = "exact", Hostname = "s", Vips = [new("", IPAddress.Parse("10.2.3.5"))] },
            },
        });
        Assert.Equal(expected, store.Current.FindServiceByVip("", IPAddress.Parse(address), client)?.Namespace);
    }

    [Fact]
    public void One_pods_change_does_not_copy_a_large_mesh()
    {
        var store = new MeshStore();
        var load = new MeshUpdate();
        for (var i = 0; i < 20_000; i++)
        {
            load.Workloads.Add(Pod($"c//Pod/a/p{i}", $"10.{i >> 16}.{(i >> 8) & 255}.{i & 255}"));
        }

        store.Apply(load);
        var changed = load.Workloads[7] with { Healthy = false };
        store.Apply(new MeshUpdate { Workloads = { changed } });
        var before = GC.GetAllocatedBytesForCurrentThread();
        store.Apply(new MeshUpdate { Workloads = { changed with { Healthy = true } } });
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        // Copying would take 20,000 entries in each of four indexes, at least 640 KB.
        Assert.InRange(allocated, 0, 64_000);
    }

    private static Workload Pod(string uid, string address) => new()
    {
        Uid = uid,
        Name = uid,
        Namespace = "a",
        Addresses = [IPAddress.Parse(address)],
        Memberships = [new ServiceMembership("a/s", [new(80, 8080)])],
    };

    private static Policy Policy(string name, PolicyScope scope) => new()
    {
        Name = name,
        Namespace = "a",
        Key = "a/" + name,
        Scope = scope,
        Action = PolicyAction.Deny,
    };

    private static Service Vip(string ns) => new() { Name = "s", Namespace = ns, Hostname = "s", Vips = [new("", IPAddress.Parse("10.1.0.1"))] };

    private static Service Range(string ns, string cidr)
    {
        Assert.True(Cidr.TryParse(cidr, out var range));
        return new Service { Name = "s", Namespace = ns, Hostname = "s", CidrVips = [new NetworkCidr("", range)] };
    }

    private static MeshUpdate RandomUpdate(Random random)
    {
        var update = new MeshUpdate();
        for (var i = random.Next(4); i > 0; i--)
        {
            update.Workloads.Add(Pod($"p{random.Next(6)}", $"10.0.0.{random.Next(4)}") with
            {
                Memberships = random.Next(2) == 0 ? [] : [new ServiceMembership($"a/s{random.Next(3)}", [new(80, (ushort)random.Next(1, 5))])],
                HostNetwork = random.Next(5) == 0,
            });
        }

        for (var i = random.Next(2); i > 0; i--)
        {
            update.Services.Add(Vip("a") with
            {
                Hostname = $"s{random.Next(3)}",
                Vips = [new("", IPAddress.Parse($"10.1.0.{random.Next(3)}"))],
                CidrVips = [new("", Cidr.Of(IPAddress.Parse("10.2.0.0"), random.Next(8, 24)))],
            });
        }

        for (var i = random.Next(2); i > 0; i--)
        {
            update.RemovedAddresses.Add(random.Next(2) == 0 ? $"p{random.Next(6)}" : $"a/s{random.Next(3)}");
        }

        return update;
    }

    /// <summary>Everything that can be found, in an order of its own: who comes first of equals depends on who came first.</summary>
    private static string View(MeshSnapshot mesh) => string.Join('\n',
        mesh.Workloads.Values.OrderBy(w => w.Uid).Select(w => $"{w.Uid} {w.Addresses[0]} {w.HostNetwork}")
            .Concat(Enumerable.Range(0, 4).Select(i => string.Join(',', mesh.WorkloadsByAddress
                .Where(entry => entry.Key == new NetworkAddress("", IPAddress.Parse($"10.0.0.{i}"))).Select(entry => entry.Value.Uid).Order())))
            .Concat(Enumerable.Range(0, 3).Select(i => string.Join(',', mesh.ServicesByVip
                .GetValueOrDefault(new("", IPAddress.Parse($"10.1.0.{i}")), []).Select(s => s.Key).Order())))
            .Concat(mesh.Endpoints.OrderBy(e => e.Key).Select(e => e.Key + ":" + string.Join(',', e.Value.All.ToArray()
                .OrderBy(x => x.Workload.Uid).Select(x => $"{x.Workload.Uid}={x.Ports[0].TargetPort}"))))
            .Append(string.Join(',', mesh.Services.Keys.Order()))
            .Append((mesh.FindServiceByVip("", IPAddress.Parse("10.2.0.0"), "z") is not null).ToString()));
}
