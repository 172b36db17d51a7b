using Ambient.Api;
using Ambient.Api.Kubernetes;

namespace Ambient.Cli.Tests.Waypoints;

/// <summary><c>ambientctl waypoint</c> against an API server.</summary>
public sealed class WaypointTests
{
    [Fact]
    public async Task Generated_YAML_is_what_kubectl_applies()
    {
        await using var cluster = await ClusterUnderTest.StartAsync();
        var yaml = (await Ambientctl.RunAsync(null, "waypoint", "generate", "--name", "guard", "--service-account", "on", "-n", "shop", "-r", "canary")).Succeeded().Output;
        Assert.Equal(
            """
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata:
              annotations:
                istio.io/for-service-account: "on"
              labels:
                istio.io/rev: canary
              name: guard
              namespace: shop
            spec:
              gatewayClassName: istio-waypoint
              listeners:
              - name: mesh
                port: 15008
                protocol: HBONE

            """,
            yaml);

        var applied = (await Ambientctl.RunProgramAsync("kubectl", cluster.KubeConfigPath, yaml, "apply", "-f", "-")).Succeeded().Output;
        Assert.Equal("gateway.gateway.networking.k8s.io/guard created\n", applied);
        var gateway = (await cluster.GatewayAsync("shop", "guard"))!;
        Assert.Equal("on", gateway.Metadata.Annotation(Annotations.ForServiceAccount));
        Assert.Equal("canary", gateway.Metadata.Label(Labels.Revision));
        Assert.Equal([new Listener { Name = "mesh", Port = 15008, Protocol = "HBONE", AllowedRoutes = gateway.Spec!.Listeners![0].AllowedRoutes }], gateway.Spec.Listeners);
    }

    [Fact]
    public async Task Without_a_namespace_the_YAML_fits_any()
    {
        var yaml = (await Ambientctl.RunAsync(null, "waypoint", "generate")).Succeeded().Output;
        Assert.DoesNotContain("namespace", yaml, StringComparison.Ordinal);
        Assert.DoesNotContain("labels", yaml, StringComparison.Ordinal);
        Assert.Contains("  name: waypoint\n", yaml, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Apply_enrols_the_namespace_and_waits()
    {
        await using var cluster = await ClusterUnderTest.StartAsync();
        var running = cluster.RunAsync("waypoint apply -n shop --for all --enroll-namespace --wait");
        await Eventually.TrueAsync(async () => await cluster.GatewayAsync("shop", "waypoint") is not null, "the Gateway");
        await cluster.ProgramAsync("shop", "waypoint", false, "AddressNotAssigned", "no ready endpoint yet");
        await Task.Delay(300);
        Assert.False(running.IsCompleted);
        await cluster.ProgramAsync("shop", "waypoint", true, "Programmed", "ready");
        Assert.Equal(
            """
            waypoint shop/waypoint applied
            namespace shop labeled with "istio.io/use-waypoint: waypoint"
            waypoint shop/waypoint is ready

            """,
            (await running).Succeeded().Output);
        Assert.Equal("waypoint", (await cluster.Client.GetAsync(ResourceKinds.Namespaces, null, "shop")).Metadata.Label(Labels.UseWaypoint));
        Assert.Equal("all", (await cluster.GatewayAsync("shop", "waypoint"))!.Metadata.Label(Labels.WaypointFor));
    }

    [Fact]
    public async Task Apply_takes_back_what_it_no_longer_says()
    {
        await using var cluster = await ClusterUnderTest.StartAsync();
        (await cluster.RunAsync("waypoint apply -n shop --for workload")).Succeeded();
        (await cluster.RunAsync("waypoint apply -n shop --service-account default")).Succeeded();
        var gateway = (await cluster.GatewayAsync("shop", "waypoint"))!;
        Assert.Null(gateway.Metadata.Label(Labels.WaypointFor));
        Assert.Equal("default", gateway.Metadata.Annotation(Annotations.ForServiceAccount));
    }

    [Fact]
    public async Task What_others_have_set_is_overwritten_only_on_request()
    {
        await using var cluster = await ClusterUnderTest.StartAsync();
        await cluster.ApplyAsync("""
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: waypoint, namespace: shop, labels: {istio.io/waypoint-for: all}}
            spec:
              gatewayClassName: istio-waypoint
              listeners: [{name: mesh, port: 15008, protocol: HBONE}]
            """);
        (await cluster.RunAsync("waypoint apply -n shop --for service")).Failed("Give --overwrite to change it");
        (await cluster.RunAsync("waypoint apply -n shop --for service --overwrite")).Succeeded();
        Assert.Equal("service", (await cluster.GatewayAsync("shop", "waypoint"))!.Metadata.Label(Labels.WaypointFor));

        (await cluster.RunAsync("waypoint apply -n plain --enroll-namespace")).Succeeded();
        (await cluster.RunAsync("waypoint apply -n plain --name other --enroll-namespace")).Failed("Namespace plain uses waypoint waypoint already. Give --overwrite");
        Assert.Null(await cluster.GatewayAsync("plain", "other"));
        var outcome = (await cluster.RunAsync("waypoint apply -n plain --name other --enroll-namespace --overwrite")).Succeeded();
        Assert.Contains("namespace plain labeled with \"istio.io/use-waypoint: other\"", outcome.Output, StringComparison.Ordinal);
        Assert.Contains("Warning: namespace plain is not in the mesh", outcome.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("waypoint apply -n shop --name none", "--name none: this name is reserved")]
    [InlineData("waypoint apply -n shop --name Big", "--name Big: use at most 63 small letters")]
    [InlineData("waypoint apply -n shop --for everything", "--for everything: use one of service, workload, all, none.")]
    [InlineData("waypoint apply -n shop --service-account ns/sa", "--service-account ns/sa: give the name of a service account")]
    [InlineData("waypoint apply -n shop --service-account web --enroll-namespace", "Give one of the two")]
    [InlineData("waypoint apply -n nowhere", "There is no namespace nowhere. Create it: kubectl create namespace nowhere")]
    [InlineData("waypoint apply -n shop --waypoint-timeout soon", "--waypoint-timeout soon: write numbers with units")]
    [InlineData("waypoint delete -n shop", "Name the waypoints to delete, or give --all.")]
    [InlineData("waypoint delete -n shop a --all", "Give names or --all, not both.")]
    [InlineData("waypoint delete -n shop lost", "there is no waypoint shop/lost")]
    [InlineData("waypoint status -n shop lost", "there is no waypoint shop/lost")]
    [InlineData("waypoint list --context other", "contexts has no entry named other")]
    public async Task What_is_wrong_is_named_with_the_remedy(string commandLine, string said)
    {
        await using var cluster = await ClusterUnderTest.StartAsync();
        (await cluster.RunAsync(commandLine)).Failed(said);
    }

    [Fact]
    public async Task A_waypoint_that_does_not_become_ready_ends_with_the_reason()
    {
        await using var cluster = await ClusterUnderTest.StartAsync();
        (await cluster.RunAsync("waypoint apply -n shop --wait --waypoint-timeout 200ms")).Failed("waypoint shop/waypoint was not ready after 0.2 s");
        await cluster.ProgramAsync("shop", "waypoint", false, "AddressNotAssigned", "Service shop/waypoint has no ready endpoint yet.");
        (await cluster.RunAsync("waypoint apply -n shop --wait --waypoint-timeout 200ms")).Failed("AddressNotAssigned: Service shop/waypoint has no ready endpoint yet.");

        var status = await cluster.RunAsync("waypoint status -n shop --waypoint-timeout 200ms");
        status.Failed("not ready after 0.2 s: waypoint shop/waypoint: AddressNotAssigned");
        Assert.Equal(
            """
            NAME       STATUS   TYPE         REASON               MESSAGE
            waypoint   True     Accepted     Accepted             The gateway is valid.
            waypoint   False    Programmed   AddressNotAssigned   Service shop/waypoint has no ready endpoint yet.

            """,
            status.Output);
        Assert.Equal(status.Output, (await cluster.RunAsync("waypoint status -n shop waypoint --wait=false")).Succeeded().Output);
    }

    [Fact]
    public async Task List_shows_waypoints_only()
    {
        await using var cluster = await ClusterUnderTest.StartAsync();
        Assert.Equal("No waypoints found.\n", (await cluster.RunAsync("waypoint list -A")).Succeeded().Output);
        await cluster.ApplyAsync("""
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: edge, namespace: shop}
            spec:
              gatewayClassName: istio
              listeners: [{name: http, port: 80, protocol: HTTP}]
            """);
        (await cluster.RunAsync("waypoint apply -n shop")).Succeeded();
        (await cluster.RunAsync("waypoint apply -n shop --name guard --service-account catalog -r canary")).Succeeded();
        (await cluster.RunAsync("waypoint apply -n plain --for workload")).Succeeded();
        await cluster.ProgramAsync("shop", "guard", true, "Programmed", "ready");
        Assert.Equal(
            """
            NAMESPACE   NAME       REVISION   TRAFFIC TYPE   PROGRAMMED   SERVICE ACCOUNT
            plain       waypoint   default    workload       False        <none>
            shop        guard      canary     all            True         catalog
            shop        waypoint   default    service        False        <none>

            """,
            (await cluster.RunAsync("waypoint list -A")).Succeeded().Output);
        Assert.StartsWith("NAME       REVISION", (await cluster.RunAsync("waypoint list -n plain")).Succeeded().Output, StringComparison.Ordinal);
        Assert.Equal("No waypoints found.\n", (await cluster.RunAsync("waypoint list")).Succeeded().Output);
    }

    [Fact]
    public async Task Delete_says_whose_traffic_it_stops()
    {
        await using var cluster = await ClusterUnderTest.StartAsync();
        (await cluster.RunAsync("waypoint apply -n shop --enroll-namespace")).Succeeded();
        (await cluster.RunAsync("waypoint apply -n shop --name second -r canary")).Succeeded();
        (await cluster.RunAsync("waypoint apply -n plain")).Succeeded();
        (await cluster.RunAsync("waypoint delete -n shop waypoint -r canary")).Failed("there is no waypoint shop/waypoint of revision canary");
        var outcome = (await cluster.RunAsync("waypoint delete -n shop --all")).Succeeded();
        Assert.Equal("waypoint shop/second deleted\nwaypoint shop/waypoint deleted\n", outcome.Output);
        Assert.Contains("Warning: namespace shop still uses waypoint shop/waypoint: its traffic is refused. To let it pass without: kubectl label namespace shop istio.io/use-waypoint-", outcome.Error, StringComparison.Ordinal);
        Assert.Null(await cluster.GatewayAsync("shop", "waypoint"));
        Assert.NotNull(await cluster.GatewayAsync("plain", "waypoint"));
    }

    [Fact]
    public async Task A_cluster_that_is_not_there_is_named()
    {
        var folder = Directory.CreateTempSubdirectory("ambient-cli-");
        var path = Path.Combine(folder.FullName, "config");
        await File.WriteAllTextAsync(path, """
            current-context: gone
            contexts: [{name: gone, context: {cluster: gone}}]
            clusters: [{name: gone, cluster: {server: "http://127.0.0.1:1"}}]
            """);
        (await Ambientctl.RunAsync(null, "waypoint", "list", "--kubeconfig", path)).Failed("The API server http://127.0.0.1:1/ does not answer");
        (await Ambientctl.RunAsync(null, "waypoint", "list", "--kubeconfig", path + "x")).Failed($"kubeconfig {path}x: ");
        folder.Delete(recursive: true);
    }
}
