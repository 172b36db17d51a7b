using System.Collections.Concurrent;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;

namespace Ambient.ApiServer.Tests;

/// <summary>Our own client against our own server: what the control plane and the node agent rely on.</summary>
public sealed class ClientTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task An_informer_sees_what_happens()
    {
        await using var server = await ApiServer.StartAsync();
        using var client = new KubernetesClient(server.AdminConfig);
        await client.CreateAsync(ResourceKinds.ConfigMaps, Map("first", "1"));
        var informer = new Informer<ConfigMap>(client, ResourceKinds.ConfigMaps, new() { Namespace = "default", PageSize = 1 });
        var events = new ConcurrentQueue<string>();
        informer.Subscribe(change =>
        {
            if (change.Object.Metadata.Name != "kube-root-ca.crt")
            {
                events.Enqueue($"{change.Type} {change.Object.Metadata.Name} {change.Old?.Data?["v"]}>{change.New?.Data?["v"]}");
            }
        });
        using var stop = new CancellationTokenSource();
        var running = informer.RunAsync(stop.Token);
        await informer.SyncedAsync.WaitAsync(Patience);
        await client.CreateAsync(ResourceKinds.ConfigMaps, Map("second", "1"));
        await client.UpdateAsync(ResourceKinds.ConfigMaps, Map("first", "2"));
        await client.DeleteAsync(ResourceKinds.ConfigMaps, "default", "second");
        await UntilAsync(() => events.Count == 4);
        await stop.CancelAsync();
        await running.WaitAsync(Patience);
        Assert.Equal(["Added first >1", "Added second >1", "Updated first 1>2", "Deleted second 1>"], events);
    }

    [Fact]
    public async Task An_informer_survives_a_new_life_of_the_server()
    {
        var first = await ApiServer.StartAsync();
        var config = first.AdminConfig;
        using var seed = new KubernetesClient(config);
        await seed.CreateAsync(ResourceKinds.ConfigMaps, Map("old", "1"));
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, first.AdminToken);
        using var follower = new KubernetesClient(new KubeConfig { Server = first.Url, InsecureSkipTlsVerify = true, TokenFile = file });
        var informer = new Informer<ConfigMap>(follower, ResourceKinds.ConfigMaps, new() { Namespace = "default" });
        using var stop = new CancellationTokenSource();
        var running = informer.RunAsync(stop.Token);
        await informer.SyncedAsync.WaitAsync(Patience);
        Assert.NotNull(informer.Get("default", "old"));
        await first.DisposeAsync();
        await using var second = await ApiServer.StartAsync(new() { Listen = [new(System.Net.IPAddress.Loopback, first.Url.Port)] });
        await File.WriteAllTextAsync(file, second.AdminToken);
        using var admin = new KubernetesClient(second.AdminConfig);
        await admin.CreateAsync(ResourceKinds.ConfigMaps, Map("new", "1"));
        await UntilAsync(() => informer.Get("default", "new") is not null);
        Assert.Null(informer.Get("default", "old"));
        await stop.CancelAsync();
        await running.WaitAsync(Patience);
        File.Delete(file);
    }

    [Fact]
    public async Task Tokens_are_issued_reviewed_and_die_with_their_pod()
    {
        await using var server = await ApiServer.StartAsync();
        using var client = new KubernetesClient(server.AdminConfig);
        var pod = await client.CreateAsync(ResourceKinds.Pods, new Pod
        {
            Metadata = new() { Name = "p", Namespace = "default" },
            Spec = new() { Containers = [new() { Name = "c", Image = "i:1" }] },
        });
        Assert.Equal("default", pod.Spec!.ServiceAccountName);
        var token = (await client.CreateTokenAsync("default", "default", new()
        {
            Audiences = ["istio-ca"],
            ExpirationSeconds = 600,
            BoundObjectRef = new() { ApiVersion = "v1", Kind = "Pod", Name = "p", Uid = pod.Metadata.Uid },
        })).Token!;
        var good = await client.ReviewTokenAsync(token, ["istio-ca"]);
        Assert.True(good.Authenticated);
        Assert.Equal("system:serviceaccount:default:default", good.User!.Username);
        Assert.Equal(["p"], good.User.Extra!["authentication.kubernetes.io/pod-name"]);
        Assert.NotEqual(true, (await client.ReviewTokenAsync(token, ["other"])).Authenticated);
        Assert.NotEqual(true, (await client.ReviewTokenAsync(token[..^6] + "AAAAAA", ["istio-ca"])).Authenticated);
        using var asPod = new KubernetesClient(new KubeConfig
        {
            Server = server.Url,
            CertificateAuthorities = server.AdminConfig.CertificateAuthorities,
            Token = (await client.CreateTokenAsync("default", "default", new())).Token,
        });
        Assert.Equal("p", (await asPod.GetAsync(ResourceKinds.Pods, "default", "p")).Metadata.Name);
        await client.DeleteAsync(ResourceKinds.Pods, "default", "p");
        var dead = await client.ReviewTokenAsync(token, ["istio-ca"]);
        Assert.NotEqual(true, dead.Authenticated);
        Assert.Contains("pod has been deleted", dead.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_candidate_leads_at_a_time_and_the_next_follows()
    {
        await using var server = await ApiServer.StartAsync();
        using var client = new KubernetesClient(server.AdminConfig);
        var leading = new ConcurrentDictionary<string, int>();
        var most = 0;
        async Task Lead(string name, CancellationToken token)
        {
            leading[name] = 1;
            most = Math.Max(most, leading.Count);
            try
            {
                await Task.Delay(Timeout.Infinite, token);
            }
            finally
            {
                leading.TryRemove(name, out _);
            }
        }

        LeaderElection Candidate(string name) => new(client, new()
        {
            Namespace = "default",
            Name = "leader",
            Identity = name,
            LeaseDuration = TimeSpan.FromSeconds(2),
            RenewDeadline = TimeSpan.FromSeconds(1),
            RetryPeriod = TimeSpan.FromMilliseconds(100),
        });
        using var stopA = new CancellationTokenSource();
        using var stopB = new CancellationTokenSource();
        var a = Candidate("a").RunAsync(token => Lead("a", token), stopA.Token);
        await UntilAsync(() => leading.ContainsKey("a"));
        var b = Candidate("b").RunAsync(token => Lead("b", token), stopB.Token);
        await Task.Delay(TimeSpan.FromSeconds(2.5));
        Assert.Equal(["a"], leading.Keys);
        await stopA.CancelAsync();
        await a.WaitAsync(Patience);
        await UntilAsync(() => leading.ContainsKey("b"));
        var lease = await client.GetAsync(ResourceKinds.Leases, "default", "leader");
        Assert.Equal("b", lease.Spec!.HolderIdentity);
        Assert.Equal(1, most);
        await stopB.CancelAsync();
        await b.WaitAsync(Patience);
    }

    [Fact]
    public async Task Manifests_of_any_kind_are_applied_definitions_first()
    {
        await using var server = await ApiServer.StartAsync();
        using var client = new KubernetesClient(server.AdminConfig);
        var apply = new ManifestApply(client, "test");
        var results = await apply.ApplyAsync(Manifests.Parse("""
            apiVersion: apiextensions.k8s.io/v1
            kind: CustomResourceDefinition
            metadata: {name: gadgets.demo.example.com}
            spec:
              group: demo.example.com
              scope: Namespaced
              names: {kind: Gadget, plural: gadgets}
              versions:
              - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
            ---
            apiVersion: demo.example.com/v1
            kind: Gadget
            metadata: {name: g}
            spec: {size: "1"}
            """));
        Assert.Equal("default", (string?)results[1]["metadata"]!["namespace"]);
        Assert.Equal("1", (string?)results[1]["spec"]!["size"]);
        var missing = await Assert.ThrowsAsync<KubernetesException>(() => client.GetJsonAsync("/apis/demo.example.com/v1/namespaces/default/gadgets/none"));
        Assert.True(missing.IsNotFound);
    }

    internal static async Task UntilAsync(Func<bool> condition)
    {
        var end = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
        while (!condition())
        {
            Assert.True(Environment.TickCount64 < end, "Waited too long.");
            await Task.Delay(10);
        }
    }

    private static ConfigMap Map(string name, string value) => new()
    {
        Metadata = new() { Name = name, Namespace = "default" },
        Data = new Dictionary<string, string> { ["v"] = value },
    };
}
