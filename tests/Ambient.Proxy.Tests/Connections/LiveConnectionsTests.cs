using System.Net;
using Ambient.Mesh.Authorization;
using Ambient.Mesh.Config;
using Ambient.Mesh.State;
using Ambient.Proxy.Connections;

namespace Ambient.Proxy.Tests.Connections;

public sealed class LiveConnectionsTests : ProxyFixture
{
    private const string Workloads = """
        workloads:
        - uid: one
          name: one
          namespace: shop
          serviceAccount: db
          trustDomain: cluster.local
          workloadIps: ["10.0.0.1"]
          protocol: HBONE
          services: {}
        - uid: two
          name: two
          namespace: other
          serviceAccount: db
          trustDomain: cluster.local
          workloadIps: ["10.0.0.2"]
          protocol: HBONE
          services: {}
        """;

    private const string Denial = """
        policies:
        - name: no-web
          namespace: shop
          scope: Namespace
          action: Deny
          dryRun: false
          rules: [[[{principals: [{Exact: cluster.local/ns/shop/sa/web}]}]]]
        """;

    private readonly MeshStore _mesh = new();
    private readonly List<string> _closed = [];

    [Fact]
    public async Task A_policy_that_forbids_an_open_connection_closes_it_with_the_reason() => await OnLoopAsync(async () =>
    {
        _mesh.Apply(LocalConfig.Parse(Workloads));
        var live = new LiveConnections(Loop);
        using var web = Register(live, "web", "one", Web);
        using var db = Register(live, "db", "one", Db);
        using var elsewhere = Register(live, "elsewhere", "two", Web);
        using var plaintext = Register(live, "plaintext", "one", null);
        await live.ReevaluateAsync(_mesh.Current, _ => true);
        Assert.Empty(_closed);

        _mesh.Apply(LocalConfig.Parse(Denial));
        await live.ReevaluateAsync(_mesh.Current, _ => true);
        var reason = Assert.Single(_closed);
        Assert.StartsWith("web: connection closed due to policy change: ", reason, StringComparison.Ordinal);
        Assert.Contains("shop/no-web", reason, StringComparison.Ordinal);
        Assert.Equal(4, live.All.Count);
    });

    [Fact]
    public async Task What_is_over_or_not_concerned_is_not_judged() => await OnLoopAsync(async () =>
    {
        _mesh.Apply(LocalConfig.Parse(Workloads));
        var live = new LiveConnections(Loop);
        Register(live, "over", "one", Web).Dispose();
        using var open = Register(live, "open", "one", Web);
        _mesh.Apply(LocalConfig.Parse(Denial));
        await live.ReevaluateAsync(_mesh.Current, uid => uid == "two");
        Assert.Empty(_closed);
        await live.ReevaluateAsync(_mesh.Current, uid => uid == "one");
        Assert.StartsWith("open: ", Assert.Single(_closed), StringComparison.Ordinal);
    });

    [Fact]
    public async Task A_connection_that_another_ones_end_takes_along_is_not_judged_after_it() => await OnLoopAsync(async () =>
    {
        _mesh.Apply(LocalConfig.Parse(Workloads));
        _mesh.Apply(LocalConfig.Parse(Denial));
        var live = new LiveConnections(Loop);
        var all = new List<LiveConnection>();
        for (var index = 0; index < 3; index++)
        {
            all.Add(live.Register("one", Facts(Web), reason =>
            {
                _closed.Add(reason);
                all.ForEach(connection => connection.Dispose());
            }));
        }

        await live.ReevaluateAsync(_mesh.Current, _ => true);
        Assert.Single(_closed);
    });

    [Fact]
    public async Task Thousands_are_judged_without_holding_up_the_loop() => await OnLoopAsync(async () =>
    {
        _mesh.Apply(LocalConfig.Parse(Workloads));
        _mesh.Apply(LocalConfig.Parse(Denial));
        var live = new LiveConnections(Loop);
        for (var index = 0; index < 3000; index++)
        {
            Register(live, "web", "one", Web);
        }

        var turns = Loop.Turns;
        await live.ReevaluateAsync(_mesh.Current, _ => true);
        Assert.Equal(3000, _closed.Count);
        Assert.InRange(Loop.Turns - turns, 10, 3000);
    });

    [Fact]
    public async Task A_narrower_round_does_not_end_a_wider_one_that_is_under_way() => await OnLoopAsync(async () =>
    {
        _mesh.Apply(LocalConfig.Parse(Workloads));
        _mesh.Apply(LocalConfig.Parse(Denial));
        var live = new LiveConnections(Loop);
        for (var index = 0; index < 1000; index++)
        {
            Register(live, "web", "one", Web);
        }

        var wide = live.ReevaluateAsync(_mesh.Current, _ => true);
        Assert.False(wide.IsCompleted);
        await live.ReevaluateAsync(_mesh.Current, uid => uid == "two");
        await wide;
        Assert.Equal(1000, _closed.Count);
    });

    private LiveConnection Register(LiveConnections live, string name, string uid, Ambient.Api.SpiffeId? identity) =>
        live.Register(uid, Facts(identity), reason => _closed.Add($"{name}: {reason}"));

    private static ConnectionFacts Facts(Ambient.Api.SpiffeId? identity) =>
        new(IPAddress.Parse("10.0.0.9"), identity, IPAddress.Parse("10.0.0.1"), 8080);
}
