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
}
