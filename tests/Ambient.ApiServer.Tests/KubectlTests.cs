namespace Ambient.ApiServer.Tests;

/// <summary>The real kubectl is a client like any other.</summary>
public sealed class KubectlTests
{
    private const string Manifest = """
        apiVersion: v1
        kind: Namespace
        metadata:
          name: shop
          labels: {istio.io/dataplane-mode: ambient}
        ---
        apiVersion: v1
        kind: ServiceAccount
        metadata: {name: web, namespace: shop}
        ---
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: settings, namespace: shop}
        data: {color: blue}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: web, namespace: shop}
        spec:
          selector: {app: web}
          ports:
          - {name: http, port: 80, targetPort: 8080}
        ---
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web, namespace: shop}
        spec:
          replicas: 2
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              serviceAccountName: web
              containers:
              - name: echo
                image: ambient/echo
                ports: [{containerPort: 8080}]
                readinessProbe: {httpGet: {path: /, port: 8080}}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: client, namespace: shop, labels: {app: client}}
        spec:
          containers: [{name: shell, image: "shell:1", command: [sleep, "100"]}]
        ---
        apiVersion: security.istio.io/v1
        kind: AuthorizationPolicy
        metadata: {name: only-client, namespace: shop}
        spec:
          selector: {matchLabels: {app: web}}
          action: ALLOW
          rules:
          - from: [{source: {principals: [cluster.local/ns/shop/sa/default]}}]
        ---
        apiVersion: security.istio.io/v1
        kind: PeerAuthentication
        metadata: {name: strict, namespace: shop}
        spec: {mtls: {mode: STRICT}}
        """;

    [Fact]
    public async Task Manifests_are_applied_and_applied_again_without_change()
    {
        await using var kubectl = await Kubectl.StartAsync();
        var first = await kubectl.RunAsync("apply -f -", Manifest);
        Assert.Equal(8, first.Split('\n').Count(line => line.EndsWith(" created", StringComparison.Ordinal)));
        var second = await kubectl.RunAsync("apply -f -", Manifest);
        Assert.Equal(8, second.Split('\n').Count(line => line.EndsWith(" unchanged", StringComparison.Ordinal)));
        var third = await kubectl.RunAsync("apply -f -", Manifest.Replace("replicas: 2", "replicas: 3").Replace("color: blue", "color: red"));
        Assert.Contains("deployment.apps/web configured", third, StringComparison.Ordinal);
        Assert.Contains("configmap/settings configured", third, StringComparison.Ordinal);
        Assert.Equal("3", await kubectl.RunAsync("get deployment web -n shop -o jsonpath={.spec.replicas}"));
        await kubectl.RunAsync("apply --server-side --force-conflicts -f -", Manifest);
        Assert.Equal("2", await kubectl.RunAsync("get deployment web -n shop -o jsonpath={.spec.replicas}"));
        await kubectl.RunAsync("diff --server-side --force-conflicts -f -", Manifest);
    }

    [Fact]
    public async Task Objects_are_shown_in_every_form()
    {
        await using var kubectl = await Kubectl.StartAsync();
        await kubectl.RunAsync("apply -f -", Manifest);
        Assert.Contains("NAME     READY   STATUS    RESTARTS   AGE", await kubectl.RunAsync("get pods -n shop"), StringComparison.Ordinal);
        Assert.Contains("NOMINATED NODE", await kubectl.RunAsync("get pods -A -o wide"), StringComparison.Ordinal);
        Assert.Matches(@"web\s+ClusterIP\s+10\.96\.[0-9.]+\s+<none>\s+80/TCP", await kubectl.RunAsync("get services -n shop"));
        Assert.Matches(@"web\s+0/2\s+0\s+0\s+[0-9]+s\s+echo\s+ambient/echo\s+app=web", await kubectl.RunAsync("get deploy -n shop -o wide"));
        Assert.Matches(@"only-client\s+ALLOW\s+[0-9]+s", await kubectl.RunAsync("get ap -n shop"));
        Assert.Matches(@"strict\s+STRICT\s+[0-9]+s", await kubectl.RunAsync("get peerauthentications -n shop"));
        Assert.Matches(@"shop\s+Active", await kubectl.RunAsync("get ns"));
        Assert.Matches(@"web\s+0\s+[0-9]+s", await kubectl.RunAsync("get sa -n shop"));
        Assert.Contains("pod/client", await kubectl.RunAsync("get all -n shop"), StringComparison.Ordinal);
        Assert.Contains("color: blue", await kubectl.RunAsync("get cm settings -n shop -o yaml"), StringComparison.Ordinal);
        Assert.Contains("\"mode\": \"STRICT\"", await kubectl.RunAsync("get pa strict -n shop -o json"), StringComparison.Ordinal);
        Assert.Equal("pod/client\n", await kubectl.RunAsync("get pods -n shop -l app=client -o name"));
        Assert.Equal("pod/client\n", await kubectl.RunAsync("get pods -A --field-selector status.phase=Pending -o name"));
        Assert.Contains("authorizationpolicies", await kubectl.RunAsync("api-resources"), StringComparison.Ordinal);
        Assert.Contains("security.istio.io/v1", await kubectl.RunAsync("api-versions"), StringComparison.Ordinal);
        Assert.Contains("v1.34.0", await kubectl.RunAsync("version"), StringComparison.Ordinal);
        Assert.Equal("yes\n", await kubectl.RunAsync("auth can-i create pods"));
        if (kubectl.Minor >= 27)
        {
            Assert.Contains("kubernetes-admin", await kubectl.RunAsync("auth whoami"), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("namespace shop", "Status: Active")]
    [InlineData("pod client -n shop", "Labels: app=client")]
    [InlineData("service web -n shop", "TargetPort: 8080/TCP")]
    [InlineData("deployment web -n shop", "StrategyType: RollingUpdate")]
    [InlineData("serviceaccount web -n shop", "Name: web")]
    [InlineData("configmap settings -n shop", "blue")]
    [InlineData("authorizationpolicy only-client -n shop", "cluster.local/ns/shop/sa/default")]
    [InlineData("peerauthentication strict -n shop", "STRICT")]
    public async Task Objects_are_described(string what, string expected)
    {
        await using var kubectl = await Kubectl.StartAsync();
        await kubectl.RunAsync("apply -f -", Manifest);
        var words = (await kubectl.RunAsync($"describe {what}")).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains(expected, string.Join(' ', words), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("pods.spec.containers.readinessProbe", "periodSeconds")]
    [InlineData("deployment.spec.template", "metadata")]
    [InlineData("authorizationpolicy.spec.action", "What happens to a request that matches")]
    [InlineData("service", "spec")]
    public async Task Kinds_are_explained(string path, string expected)
    {
        await using var kubectl = await Kubectl.StartAsync();
        Assert.Contains(expected, await kubectl.RunAsync($"explain {path}"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Objects_are_changed_and_deleted()
    {
        await using var kubectl = await Kubectl.StartAsync();
        await kubectl.RunAsync("apply -f -", Manifest);
        await kubectl.RunAsync("label pod client -n shop tier=front");
        await kubectl.RunAsync("label pod client -n shop app-");
        await kubectl.RunAsync("annotate service web -n shop note=hello");
        Assert.Equal("front", await kubectl.RunAsync("get pod client -n shop -o jsonpath={.metadata.labels.tier}{.metadata.labels.app}"));
        await kubectl.RunAsync("scale deployment web -n shop --replicas 5");
        Assert.Equal("5", await kubectl.RunAsync("get deployment web -n shop -o jsonpath={.spec.replicas}"));
        await kubectl.RunAsync("set image deployment/web -n shop echo=ambient/echo:2");
        await kubectl.RunAsync("set env deployment/web -n shop A=1");
        Assert.Equal("ambient/echo:2,A", await kubectl.RunAsync(
            "get deployment web -n shop -o jsonpath={.spec.template.spec.containers[0].image},{.spec.template.spec.containers[0].env[0].name}"));
        await kubectl.RunAsync("patch ap only-client -n shop --type merge -p {\"spec\":{\"action\":\"DENY\"}}");
        Assert.Equal("DENY", await kubectl.RunAsync("get ap only-client -n shop -o jsonpath={.spec.action}"));
        await kubectl.RunAsync("create configmap extra -n shop --from-literal=a=b");
        if (kubectl.Minor >= 24)
        {
            Assert.Equal(3, (await kubectl.RunAsync("create token web -n shop --audience istio-ca")).Split('.').Length);
        }

        await kubectl.RunAsync("delete cm extra -n shop");
        await kubectl.RunAsync("delete pods --all -n shop --wait");
        await kubectl.RunAsync("delete namespace shop --wait --timeout 10s");
        var (code, _, error) = await kubectl.TryAsync("get pods -n shop web");
        Assert.Equal(1, code);
        Assert.Contains("Error from server (NotFound): namespaces \"shop\" not found", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Typed_commands_send_protobuf()
    {
        await using var kubectl = await Kubectl.StartAsync();
        await kubectl.RunAsync("create namespace lab");
        await kubectl.RunAsync("create serviceaccount bot -n lab");
        await kubectl.RunAsync("create secret generic key -n lab --from-literal=k=v");
        await kubectl.RunAsync("create deployment web -n lab --image=i:1 --replicas=0 --port=80 -- run fast");
        await kubectl.RunAsync("create service clusterip web -n lab --tcp=80:8080");
        await kubectl.RunAsync("create role reader -n lab --verb=get,list --resource=pods");
        await kubectl.RunAsync("create rolebinding readers -n lab --role=reader --serviceaccount=lab:bot");
        Assert.Equal("v", System.Text.Encoding.UTF8.GetString(Convert.FromBase64String(await kubectl.RunAsync("get secret key -n lab -o jsonpath={.data.k}"))));
        Assert.Equal("0,i:1,run,80,web", await kubectl.RunAsync(
            "get deployment web -n lab -o jsonpath={.spec.replicas},{.spec.template.spec.containers[0].image},{.spec.template.spec.containers[0].command[0]},{.spec.template.spec.containers[0].ports[0].containerPort},{.metadata.labels.app}"));
        Assert.Equal("8080", await kubectl.RunAsync("get service web -n lab -o jsonpath={.spec.ports[0].targetPort}"));
        Assert.Equal("get", await kubectl.RunAsync("get role reader -n lab -o jsonpath={.rules[0].verbs[0]}"));
        Assert.Equal("bot", await kubectl.RunAsync("get rolebinding readers -n lab -o jsonpath={.subjects[0].name}"));
    }

    [Theory]
    [InlineData("action: ALLOW", "action: MAYBE", "spec.action: Unsupported value: \"MAYBE\"")]
    [InlineData("action: ALLOW", "acton: ALLOW", "acton\"")]
    [InlineData("mode: STRICT", "mode: 5", "spec.mtls.mode")]
    [InlineData("replicas: 2", "replicas: two", "spec.replicas")]
    [InlineData("containerPort: 8080", "containerPort: 80800", "spec.template.spec.containers[0].ports[0].containerPort")]
    [InlineData("name: settings", "name: Settings", "metadata.name")]
    public async Task A_bad_manifest_is_refused_with_its_place(string good, string bad, string message)
    {
        await using var kubectl = await Kubectl.StartAsync();
        await kubectl.RunAsync("apply -f -", Manifest);
        var (code, _, error) = await kubectl.TryAsync("apply -f -", Manifest.Replace(good, bad));
        Assert.NotEqual(0, code);
        Assert.Contains(message, error, StringComparison.Ordinal);
        // The last good state stays.
        Assert.Equal("ALLOW", await kubectl.RunAsync("get ap only-client -n shop -o jsonpath={.spec.action}"));
    }

    [Fact]
    public async Task Watches_and_waits_see_changes()
    {
        await using var kubectl = await Kubectl.StartAsync();
        await kubectl.RunAsync("apply -f -", Manifest);
        using var watching = kubectl.Start("get pods -n shop --watch");
        using var waiting = kubectl.Start("wait pod/client -n shop --for condition=Ready --timeout 10s");
        Assert.Contains("NAME", await ReadLineAsync(watching), StringComparison.Ordinal);
        Assert.Contains("Pending", await ReadLineAsync(watching), StringComparison.Ordinal);
        using var client = new Ambient.Kubernetes.KubernetesClient(kubectl.Server.AdminConfig);
        await client.PatchJsonAsync(
            "/api/v1/namespaces/shop/pods/client",
            System.Text.Json.Nodes.JsonNode.Parse("""{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}""")!,
            Ambient.Kubernetes.PatchType.Merge,
            new("status"));
        Assert.Contains("Running", await ReadLineAsync(watching), StringComparison.Ordinal);
        Assert.Contains("condition met", await ReadLineAsync(waiting), StringComparison.Ordinal);
        await kubectl.RunAsync("delete pod client -n shop --wait=false");
        Assert.Contains("client", await ReadLineAsync(watching), StringComparison.Ordinal);
        watching.Kill();
        await watching.WaitForExitAsync();
        await waiting.WaitForExitAsync();
    }

    private static async Task<string> ReadLineAsync(System.Diagnostics.Process process) =>
        await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(10)) ?? "";
}
