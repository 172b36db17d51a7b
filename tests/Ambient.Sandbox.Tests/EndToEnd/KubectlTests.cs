using System.Diagnostics;
using Ambient.Sandbox.Demo;

namespace Ambient.Sandbox.Tests.EndToEnd;

/// <summary>kubectl against a sandbox that runs the mesh and the sample.</summary>
[Collection(MeshCollection.Name)]
public sealed class KubectlTests(MeshFixture mesh)
{
    private const string DenyWeb = """
        apiVersion: security.istio.io/v1
        kind: AuthorizationPolicy
        metadata: {name: no-web, namespace: shop}
        spec:
          selector:
            matchLabels: {app: catalog}
          action: DENY
          rules:
            - from:
                - source: {principals: [cluster.local/ns/shop/sa/web]}
        """;

    [Fact]
    public async Task Get_lists_every_pod_running_and_ready()
    {
        var pods = await mesh.KubectlOkAsync(null, "get", "pods", "-A", "--no-headers");
        foreach (var line in pods.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            Assert.Matches(@"\s1/1\s+Running\s", line);
        }

        foreach (var name in new[] { "istiod-", "ztunnel-", "istio-cni-node-", "web-", "catalog-", "ledger-", "stranger-" })
        {
            Assert.Contains(name, pods, StringComparison.Ordinal);
        }

        Assert.Contains("ambient.istio.io/redirection", await mesh.KubectlOkAsync(null, "get", "pod", "-n", "shop", "-l", "app=web", "-o", "yaml"), StringComparison.Ordinal);
        Assert.Contains("no-catalog", await mesh.KubectlOkAsync(null, "describe", "authorizationpolicy", "-n", "bank", "no-catalog"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_applied_policy_takes_effect_on_new_and_on_open_connections_within_a_second()
    {
        var web = await mesh.NamespaceOfAsync(mesh.Scene.Web);
        var catalog = await mesh.ServiceAsync("shop", "catalog");
        await using var open = await PodConnection.OpenAsync(web, catalog, 9090);
        Assert.Contains(mesh.Scene.Web.Address, open.Greeting, StringComparison.Ordinal);
        Assert.True(await open.EchoAsync("before"));
        try
        {
            await mesh.KubectlOkAsync(DenyWeb, "apply", "-f", "-");
            var applied = Stopwatch.GetTimestamp();
            await Wait.ForAsync(async () => !await open.EchoAsync("still open?"), TimeSpan.FromSeconds(1), "the open connection to be closed");
            await Wait.ForAsync(async () => !await ConnectsAsync(web, catalog), TimeSpan.FromSeconds(1) - Stopwatch.GetElapsedTime(applied), "new connections to be denied");
            var line = await mesh.Scene.WaitForLineAsync(line => line["error"].Contains("shop/no-web", StringComparison.Ordinal), default);
            Assert.NotNull(line);
        }
        finally
        {
            await mesh.KubectlOkAsync(null, "delete", "authorizationpolicy", "-n", "shop", "no-web");
        }

        await Wait.ForAsync(() => ConnectsAsync(web, catalog), TimeSpan.FromSeconds(1), "connections to be allowed again");
    }

    [Fact]
    public async Task A_policy_that_makes_no_sense_is_refused_by_place_and_the_last_good_state_stays()
    {
        var result = await mesh.KubectlAsync(DenyWeb.Replace("action: DENY", "action: DESTROY", StringComparison.Ordinal), "apply", "-f", "-");
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains("spec.action", result.Error, StringComparison.Ordinal);
        Assert.True(await ConnectsAsync(await mesh.NamespaceOfAsync(mesh.Scene.Web), await mesh.ServiceAsync("shop", "catalog")));
    }

    [Fact]
    public async Task A_manifest_of_an_unknown_kind_or_field_is_refused_by_name()
    {
        var kind = await mesh.KubectlAsync("apiVersion: security.istio.io/v1\nkind: AuthorisationPolicy\nmetadata: {name: x, namespace: shop}\n", "apply", "-f", "-");
        Assert.NotEqual(0, kind.ExitCode);
        Assert.Contains("AuthorisationPolicy", kind.Error, StringComparison.Ordinal);
        var pod = await mesh.KubectlAsync("apiVersion: v1\nkind: Pod\nmetadata: {name: x, namespace: shop}\nspec: {containers: []}\n", "apply", "-f", "-");
        Assert.NotEqual(0, pod.ExitCode);
        Assert.Contains("spec.containers", pod.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_image_that_the_sandbox_does_not_have_is_named_with_the_remedy()
    {
        await mesh.KubectlOkAsync("apiVersion: v1\nkind: Pod\nmetadata: {name: unknown-image, namespace: default}\nspec: {containers: [{name: c, image: 'no/such:1'}]}\n", "apply", "-f", "-");
        try
        {
            await Wait.ForAsync(async () => (await mesh.KubectlOkAsync(null, "get", "pod", "unknown-image", "-o", "yaml")).Contains("--image no/such=PATH", StringComparison.Ordinal),
                TimeSpan.FromSeconds(10), "the pod to say which image is missing");
        }
        finally
        {
            await mesh.KubectlOkAsync(null, "delete", "pod", "unknown-image", "--wait=true", "--timeout=20s");
        }
    }

    [Fact]
    public async Task Logs_and_exec_reach_the_container()
    {
        var pod = mesh.Scene.Catalog;
        var name = await mesh.ExecAsync(pod.Namespace, pod.Name, null, "cat /proc/sys/kernel/hostname; cat /etc/resolv.conf");
        Assert.StartsWith(pod.Name, name, StringComparison.Ordinal);
        Assert.Contains("search shop.svc.cluster.local", name, StringComparison.Ordinal);
        Assert.True(await ConnectsAsync(await mesh.NamespaceOfAsync(mesh.Scene.Web), await mesh.ServiceAsync("shop", "catalog")));
        Assert.NotNull(await mesh.Scene.WaitForLineAsync(line => line["direction"] == "inbound", default));
        Assert.Contains("access", await mesh.KubectlOkAsync(null, "logs", "-n", "istio-system", "-l", "app=ztunnel", "--tail=-1"), StringComparison.Ordinal);
    }

    /// <summary>kubectl speaks WebSocket since 1.31; an older one, as Debian 12's, is told what is missing.</summary>
    [Fact]
    public async Task Kubectl_runs_commands_in_a_container_or_says_what_it_lacks()
    {
        var version = System.Text.Json.Nodes.JsonNode.Parse(await mesh.KubectlOkAsync(null, "version", "--client", "-o", "json"))!["clientVersion"]!;
        var speaksWebSocket = int.Parse(((string)version["minor"]!).TrimEnd('+'), System.Globalization.CultureInfo.InvariantCulture) >= 31;
        var pod = mesh.Scene.Catalog;
        var result = await mesh.KubectlAsync(null, "exec", "-n", pod.Namespace, pod.Name, "--", "cat", "/proc/sys/kernel/hostname");
        Assert.Equal(speaksWebSocket, result.ExitCode == 0);
        Assert.Contains(speaksWebSocket ? pod.Name : "exec needs a WebSocket", result.Output + result.Error, StringComparison.Ordinal);
    }

    internal static async Task<bool> ConnectsAsync(string pod, string address)
    {
        try
        {
            await using var connection = await PodConnection.OpenAsync(pod, address, 9090);
            return await connection.EchoAsync("hello");
        }
        catch (Exception e) when (e is IOException or TimeoutException)
        {
            return false;
        }
    }
}
