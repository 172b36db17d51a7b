namespace Ambient.Sandbox.Tests.EndToEnd;

/// <summary>Policies for requests at a waypoint: what is denied is so in every spelling, what is only noted passes, and who is denied learns nothing of it.</summary>
[Collection(MeshCollection.Name)]
public sealed class WaypointPolicyTests(MeshFixture mesh) : IAsyncLifetime
{
    private const string Guarded = """
        apiVersion: v1
        kind: Service
        metadata: {name: guarded, namespace: gated}
        spec:
          selector: {app: server}
          ports: [{name: http, port: 80, targetPort: 8080}]
        ---
        apiVersion: security.istio.io/v1
        kind: AuthorizationPolicy
        metadata: {name: no-admin, namespace: gated}
        spec:
          targetRefs: [{kind: Service, group: "", name: guarded}]
          action: DENY
          rules:
            - to: [{operation: {methods: [TRACE]}}]
            - to: [{operation: {paths: [/admin, /admin/*]}}]
        ---
        apiVersion: security.istio.io/v1
        kind: AuthorizationPolicy
        metadata: {name: note-put, namespace: gated}
        spec:
          targetRefs: [{kind: Service, group: "", name: guarded}]
          action: AUDIT
          rules:
            - to: [{operation: {methods: [PUT]}}]
        ---
        apiVersion: security.istio.io/v1
        kind: AuthorizationPolicy
        metadata:
          name: try-patch
          namespace: gated
          annotations: {istio.io/dry-run: "true"}
        spec:
          targetRefs: [{kind: Service, group: "", name: guarded}]
          action: DENY
          rules:
            - to: [{operation: {methods: [PATCH]}}]
        """;

    private WaypointScene _scene = null!; // by InitializeAsync

    public async Task InitializeAsync() => _scene = await mesh.WaypointAsync();

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public Task A_denied_path_is_denied_in_every_spelling() => _scene.WithAsync(Guarded, async () =>
    {
        await InForceAsync();
        foreach (var spelling in new[]
        {
            "/admin", "/admin?x=1", "/admin/", "/admin/users", "/%61dmin", "/%61%64%6d%69%6E", "/./admin", "/x/../admin", "/x/%2e%2e/admin", "/x/.%2E/admin",
            "/x//../../admin", "/admin/./", "/admin/x/../y", "/../admin",
        })
        {
            var (status, _) = await _scene.AskAsync("friend", $"http://guarded.gated{spelling}", "--path-as-is");
            Assert.True(status == 403, $"{spelling}: {status}");
        }

        // What differs for a server passes, and the server gets what was decided about.
        foreach (var (other, seen) in new[] { ("/administration", "/administration"), ("/x/admin", "/x/admin"), ("/admin/../public", "/public"), ("//admin", "//admin") })
        {
            var (status, answer) = await _scene.AskAsync("friend", $"http://guarded.gated{other}", "--path-as-is");
            Assert.Equal((other, 200, seen), (other, status, answer?.Path));
        }
    });

    [Fact]
    public Task Log_and_metric_name_policy_and_rule_and_the_answer_does_not() => _scene.WithAsync(Guarded, async () =>
    {
        await InForceAsync();
        using var http = await _scene.HttpAsync("friend", "guarded");
        var path = $"/admin/{Guid.NewGuid():n}";
        var denied = await http.AskAsync(path);
        Assert.Equal((403, "RBAC: access denied"), (denied.Status, denied.Text));
        Assert.DoesNotContain(denied.Headers, header => header.Value.Contains("no-admin", StringComparison.Ordinal) || header.Value.Contains("gated", StringComparison.Ordinal));
        Assert.Contains("gated/no-admin (rule 1", await _scene.GateLineAsync(path, "status=403"), StringComparison.Ordinal);
        Assert.True(await VerdictsAsync("gated/no-admin", "1", "denied") > 0);
    });

    [Fact]
    public Task Audit_and_dry_run_are_noted_and_not_enforced() => _scene.WithAsync(Guarded, async () =>
    {
        await InForceAsync();
        using var http = await _scene.HttpAsync("friend", "guarded");
        var (audited, tried) = (await VerdictsAsync("gated/note-put", "", "audited"), await VerdictsAsync("gated/try-patch", "", "dry-run-denied"));
        for (var count = 0; count < 3; count++)
        {
            Assert.Equal(200, (await http.AskAsync(HttpMethod.Put, "/")).Status);
            Assert.Equal(200, (await http.AskAsync(HttpMethod.Patch, "/")).Status);
        }

        await Wait.ForAsync(
            async () => (await VerdictsAsync("gated/note-put", "", "audited"), await VerdictsAsync("gated/try-patch", "", "dry-run-denied")) == (audited + 3, tried + 3),
            TimeSpan.FromSeconds(10), "both to be counted");
    });

    private async Task InForceAsync()
    {
        using var http = await _scene.HttpAsync("friend", "guarded");
        await http.UntilAsync(answer => answer.Status == 403, "the policy", "/admin");
    }

    /// <summary>What the waypoint's metric counts of a policy; 0 where it is not there.</summary>
    private async Task<long> VerdictsAsync(string policy, string rule, string verdict)
    {
        var series = $"ambient_authorization_verdicts_total{{policy=\"{policy}\",rule=\"{rule}\",verdict=\"{verdict}\"}} ";
        var line = (await _scene.GateMetricsAsync((await _scene.GatePodsAsync())[0])).Split('\n').FirstOrDefault(line => line.StartsWith(series, StringComparison.Ordinal));
        return line is null ? 0 : long.Parse(line[series.Length..], System.Globalization.CultureInfo.InvariantCulture);
    }
}
