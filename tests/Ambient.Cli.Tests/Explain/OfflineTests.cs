using System.Text.Json;

namespace Ambient.Cli.Tests.Explain;

/// <summary><c>ambientctl explain -f</c>: what manifests would do, without a cluster.</summary>
public sealed class OfflineTests
{
    private static readonly string Samples = Path.Combine(Root(), "deploy", "samples");

    /// <summary>The table of deploy/samples/README.md, by service and by pod.</summary>
    [Theory]
    [InlineData("shop/web", "catalog:80", 0, "allowed by: shop/catalog-readers (rule 0: source namespace shop is one of [shop])")]
    [InlineData("shop/web", "shop/catalog:8080", 0, "HBONE to 10.244.0.2:15008 for 10.244.0.2:8080")]
    [InlineData("shop/web", "ledger.bank:80", 0, "allowed by: bank/ledger-callers")]
    [InlineData("shop/catalog", "ledger.bank.svc.cluster.local:80", 2, "explicitly denied by: bank/no-catalog (rule 0: principal cluster.local/ns/shop/sa/catalog is one of")]
    [InlineData("outside/stranger", "catalog.shop:80", 2, "allow policies exist, but none allowed (nearest: shop/catalog-readers rule 0: source namespace (no identity) is none of [shop])")]
    [InlineData("outside/stranger", "bank/ledger:8080", 2, "explicitly denied by: istio-system/istio_converted_static_strict")]
    [InlineData("shop/web", "1.1.1.1:443", 0, "passed through to 1.1.1.1:443")]
    [InlineData("shop/web", "catalog:81", 2, "service shop/catalog.shop.svc.cluster.local has no port 81; it has 80, 9090")]
    public async Task The_samples_do_what_their_table_says(string source, string destination, int code, string said)
    {
        var outcome = await ExplainAsync(source, destination, "-f", $"{Samples}/shop.yaml", "-f", $"{Samples}/stranger.yaml");
        Assert.True(outcome.Code == code, outcome.Output + outcome.Error);
        Assert.Contains(said, outcome.Output, StringComparison.Ordinal);
        Assert.Contains(code == 0 ? (destination[0] == '1' ? "It leaves the mesh." : "It reaches the application.") : "Refused at ", outcome.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_whole_way_is_printed()
    {
        var outcome = await ExplainAsync("shop/web", "catalog.shop:80", "GET", "/books", "-f", $"{Samples}/shop.yaml");
        Assert.Equal(
            """
            shop/web-0 (10.244.0.1) to catalog.shop:80 (10.96.0.2:80): GET /books

            1. ztunnel of shop/web-0
                 Kubernetes//Pod/shop/web-0 (spiffe://cluster.local/ns/shop/sa/web) asks for 10.96.0.2:80
                 which is service shop/catalog.shop.svc.cluster.local
                 to workload Kubernetes//Pod/shop/catalog-0, HBONE to 10.244.0.2:15008 for 10.244.0.2:8080, expecting spiffe://cluster.local/ns/shop/sa/catalog

            2. ztunnel of shop/catalog-0
                 spiffe://cluster.local/ns/shop/sa/web connects from 10.244.0.1 for 10.244.0.2:8080
                 allowed by: shop/catalog-readers (rule 0: source namespace shop is one of [shop])
                 connected to the application at 10.244.0.2:8080

            It reaches the application.
            No waypoint is on the way: nothing in the mesh looks at method, path and headers.

            """,
            outcome.Succeeded().Output);
        Assert.Equal("", outcome.Error);
    }

    [Theory]
    [InlineData("reviews.press:80 DELETE /1", 2, "explicitly denied by: press/no-delete (rule 0: method DELETE is one of [DELETE]): 403")]
    [InlineData("reviews.press:80 GET /a/../b?x=1", 0, "path /a/../b is read as /b")]
    [InlineData("reviews.press:80 GET /a/../b?x=1", 0, "GET reviews.press/b?x=1 asks for press/reviews.press.svc.cluster.local port 80")]
    [InlineData("reviews.press:80 GET /", 0, "the rule's shares: 90 to press/reviews-v1.press.svc.cluster.local port 80, 10 to press/reviews-v2.press.svc.cluster.local port 80")]
    [InlineData("reviews.press:80 GET /", 0, "with 3 more tries on")]
    [InlineData("reviews.press:80 GET /%00", 2, "400: path /%00 has no safe reading")]
    [InlineData("reviews.press:80", 0, "HTTP is spoken there, and no request is given: GET / is assumed")]
    [InlineData("press/reviews-v1:8080 DELETE /1", 0, "sent on to the workload that was addressed")] // the policy targets the service
    public async Task A_request_is_followed_through_its_waypoint(string request, int code, string said)
    {
        var outcome = await ExplainAsync([
            "shop/web", .. request.Split(' '), "-f", $"{Samples}/shop.yaml", "-f", $"{Samples}/reviews.yaml",
        ]);
        Assert.True(outcome.Code == code, outcome.Output + outcome.Error);
        Assert.Contains(said, outcome.Output, StringComparison.Ordinal);
        Assert.Contains("whose traffic has to pass waypoint press/guard.press.svc.cluster.local port 15008", outcome.Output, StringComparison.Ordinal);
        Assert.Contains("2. waypoint press/guard-0", outcome.Output, StringComparison.Ordinal);
        if (code == 0)
        {
            Assert.Contains("spiffe://cluster.local/ns/press/sa/guard connects from", outcome.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_client_outside_the_mesh_passes_the_waypoint_by()
    {
        var outcome = await ExplainAsync("outside/stranger", "reviews.press:80", "DELETE", "/1", "-f", $"{Samples}/stranger.yaml", "-f", $"{Samples}/reviews.yaml");
        Assert.Contains("waypoint press/guard.press.svc.cluster.local is not on its way: only clients in the mesh pass it", outcome.Succeeded().Output, StringComparison.Ordinal);
        Assert.Contains("No waypoint is on the way", outcome.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_waypoint_that_is_not_there_refuses()
    {
        using var file = new ManifestFile("""
            {apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient, istio.io/use-waypoint: gone}}}
            ---
            {apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: web}}, spec: {containers: [{name: c, image: i}]}}
            ---
            {apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {selector: {app: web}, ports: [{name: http, port: 80}]}}
            """);
        var outcome = await ExplainAsync("shop/web", "web:80", "GET", "/", "-f", file.Path);
        Assert.Equal(2, outcome.Code);
        Assert.Contains("Refused at 1: unknown waypoint: waypoint gone.shop.svc.cluster.local not found", outcome.Output, StringComparison.Ordinal);
        Assert.Contains("note: Service shop/web: There is no Gateway shop/gone; until there is, traffic is refused.", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_dump_of_a_cluster_keeps_its_addresses_and_labels()
    {
        using var file = new ManifestFile("""
            apiVersion: v1
            kind: List
            items:
            - {apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}}
            - apiVersion: v1
              kind: Pod
              metadata: {name: web-7d4b9-x2k1p, namespace: shop, labels: {app: web}, annotations: {ambient.istio.io/redirection: enabled}}
              spec: {serviceAccountName: web, nodeName: worker-3, containers: [{name: c, image: i}]}
              status: {phase: Running, podIP: 10.9.8.7, podIPs: [{ip: 10.9.8.7}], conditions: [{type: Ready, status: "True"}]}
            - apiVersion: apps/v1
              kind: Deployment
              metadata: {name: web, namespace: shop}
              spec: {replicas: 1, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: i}]}}}
            - apiVersion: v1
              kind: Service
              metadata: {name: web, namespace: shop}
              spec: {clusterIP: 10.100.0.9, clusterIPs: [10.100.0.9], selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
            """);
        var outcome = await ExplainAsync("10.9.8.7", "web:80", "-f", file.Path, "--json");
        using var json = JsonDocument.Parse(outcome.Succeeded().Output);
        var hops = json.RootElement.EnumerateArray().ToArray();
        Assert.Equal(["ztunnel of shop/web-7d4b9-x2k1p on worker-3", "ztunnel of shop/web-7d4b9-x2k1p on worker-3"], hops.Select(hop => hop.GetProperty("proxy").GetString()));
        Assert.Equal("10.9.8.7:8080", hops[0].GetProperty("destination").GetString());
        Assert.Equal("Application", hops[1].GetProperty("next").GetString());
    }

    [Fact]
    public async Task What_is_assumed_and_what_is_wrong_is_noted()
    {
        using var file = new ManifestFile("""
            {apiVersion: v1, kind: Pod, metadata: {name: a, namespace: lost}, spec: {containers: [{name: c, image: i}]}}
            ---
            apiVersion: security.istio.io/v1
            kind: AuthorizationPolicy
            metadata: {name: odd, namespace: lost}
            spec: {action: DENY, rules: [{to: [{operation: {ports: ["eighty"]}}]}]}
            """);
        var outcome = (await ExplainAsync("lost/a", "lost/a:80", "-f", file.Path)).Succeeded();
        Assert.Contains("note: namespace lost is not among the manifests", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("note: AuthorizationPolicy lost/odd: ", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("eighty", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("lost/a is not in the mesh: its connection to 10.244.0.1:80 is not taken over", outcome.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_misspelt_field_is_noted()
    {
        using var file = new ManifestFile("""
            {apiVersion: v1, kind: Pod, metadata: {name: a, namespace: lost}, spec: {containers: [{name: c, image: i}]}}
            ---
            apiVersion: security.istio.io/v1
            kind: AuthorizationPolicy
            metadata: {name: odd, namespace: lost, uid: "12", resourceVersion: "7"}
            spec: {action: DENY, rules: [{to: [{operation: {methdos: [DELETE]}}]}]}
            """);
        var outcome = (await ExplainAsync("lost/a", "lost/a:80", "-f", file.Path)).Succeeded();
        Assert.Contains("note: a cluster would refuse AuthorizationPolicy lost/odd: ", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("methdos", outcome.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("shop/web catalog", "catalog: write HOST:PORT")]
    [InlineData("shop/nobody catalog:80", "no pod, deployment or service account shop/nobody. They have: bank/ledger, shop/catalog, shop/web.")]
    [InlineData("a/b/c catalog:80", "a/b/c: write NAMESPACE/NAME")]
    [InlineData("shop/web nothing:80", "shop/web-0 knows no service nothing. There are: catalog.shop, ledger.bank, web.shop.")]
    [InlineData("shop/web catalog:80 GET books", "books: a path begins with '/'")]
    [InlineData("shop/web catalog:80 GET / -H plain", "-H 'plain' is no header: write 'name: value'")]
    [InlineData("shop/web catalog:80 -H a:b", "give METHOD and PATH too")]
    public async Task What_is_wrong_is_named_with_the_remedy(string arguments, string said) =>
        (await ExplainAsync([.. arguments.Split(' '), "-f", $"{Samples}/shop.yaml"])).Failed(said);

    [Theory]
    [InlineData("kind: [", ":1:")]
    [InlineData("{apiVersion: v1, kind: Pod, metadata: {namespace: a}}", "A Pod has no metadata.name")]
    [InlineData("{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: 7}}", "Pod a: ")]
    public async Task A_manifest_that_cannot_be_read_is_named(string yaml, string said)
    {
        using var file = new ManifestFile(yaml);
        (await ExplainAsync("a", "b:80", "-f", file.Path)).Failed(said);
    }

    private static Task<Outcome> ExplainAsync(params string[] arguments) => Ambientctl.RunAsync(null, ["explain", .. arguments]);

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Ambient.sln")))
        {
            folder = folder.Parent!;
        }

        return folder.FullName;
    }

    private sealed class ManifestFile : IDisposable
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("ambient-cli-");

        public ManifestFile(string yaml) => File.WriteAllText(Path, yaml);

        public string Path => System.IO.Path.Combine(_folder.FullName, "manifests.yaml");

        public void Dispose() => _folder.Delete(recursive: true);
    }
}
