using System.Diagnostics;

namespace Ambient.Sandbox.Tests.EndToEnd;

/// <summary>Routes and traffic rules that users have, through a waypoint and on real processes: what each of them does to a request.</summary>
[Collection(MeshCollection.Name)]
public sealed class WaypointRoutesTests(MeshFixture mesh) : IAsyncLifetime
{
    private const string Virtual = """
        apiVersion: v1
        kind: Service
        metadata: {name: virtual, namespace: gated}
        spec:
          selector: {app: server}
          ports: [{name: http, port: 80, targetPort: 8080}]
        ---
        apiVersion: networking.istio.io/v1
        kind: DestinationRule
        metadata: {name: virtual, namespace: gated}
        spec:
          host: virtual
          subsets:
            - {name: one, labels: {version: v1}}
            - {name: two, labels: {version: v2}}
        ---
        apiVersion: networking.istio.io/v1
        kind: VirtualService
        metadata: {name: virtual, namespace: gated}
        spec:
          hosts: [virtual]
          http:
            - match: [{headers: {x-case: {exact: subset}}}]
              route: [{destination: {host: virtual, subset: two}}]
              retries: {attempts: 0}
            - match: [{headers: {x-case: {exact: abort}}}]
              fault: {abort: {httpStatus: 418, percentage: {value: 100}}}
              route: [{destination: {host: virtual, subset: one}}]
            - match: [{headers: {x-case: {exact: delay}}}]
              fault: {delay: {fixedDelay: 0.7s, percentage: {value: 100}}}
              route: [{destination: {host: virtual, subset: one}}]
            - match: [{headers: {x-case: {exact: timeout}}}]
              timeout: 0.5s
              route: [{destination: {host: virtual, subset: one}}]
            - match: [{headers: {x-case: {exact: retry}}}]
              retries: {attempts: 2, retryOn: 5xx}
              route: [{destination: {host: virtual, subset: one}}]
            - match: [{headers: {x-case: {exact: mirror}}}]
              route: [{destination: {host: virtual, subset: one}}]
              mirror: {host: virtual, subset: two}
              mirrorPercentage: {value: 100}
            - match: [{headers: {x-case: {exact: headers}}}]
              headers:
                request: {set: {x-set: new}, add: {x-add: added}, remove: [x-gone]}
                response: {add: {x-answer: "yes"}, remove: [content-type]}
              route: [{destination: {host: virtual, subset: one}}]
            - route: [{destination: {host: virtual, subset: one}}]
              retries: {attempts: 0}
        """;

    private const string Paths = """
        apiVersion: v1
        kind: Service
        metadata: {name: paths, namespace: gated}
        spec:
          selector: {name: server-v1}
          ports: [{name: http, port: 80, targetPort: 8080}]
        ---
        apiVersion: gateway.networking.k8s.io/v1
        kind: HTTPRoute
        metadata: {name: paths, namespace: gated}
        spec:
          parentRefs: [{kind: Service, group: "", name: paths}]
          rules:
            - matches: [{path: {type: PathPrefix, value: /old}}]
              filters:
                - type: RequestRedirect
                  requestRedirect: {scheme: https, hostname: elsewhere.example, statusCode: 301, path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}}
            - matches: [{path: {type: PathPrefix, value: /api}}]
              filters:
                - {type: URLRewrite, urlRewrite: {hostname: inner.example, path: {type: ReplacePrefixMatch, replacePrefixMatch: /v2}}}
                - type: RequestHeaderModifier
                  requestHeaderModifier: {set: [{name: x-set, value: new}], add: [{name: x-add, value: added}], remove: [x-gone]}
                - {type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-answer, value: "yes"}]}}
              backendRefs: [{name: paths, port: 80}]
            - matches: [{path: {type: PathPrefix, value: /plain}}]
              backendRefs: [{name: paths, port: 80}]
        """;

    private const string Limits = """
        apiVersion: v1
        kind: Service
        metadata: {name: NAME, namespace: gated}
        spec:
          selector: {app: server}
          ports: [{name: http, port: 80, targetPort: 8080}]
        ---
        apiVersion: networking.istio.io/v1
        kind: DestinationRule
        metadata: {name: NAME, namespace: gated}
        spec:
          host: NAME
          trafficPolicy: POLICY
        ---
        apiVersion: networking.istio.io/v1
        kind: VirtualService
        metadata: {name: NAME, namespace: gated}
        spec:
          hosts: [NAME]
          http:
            - route: [{destination: {host: NAME}}]
              retries: {attempts: 0}
        """;

    private WaypointScene _scene = null!; // by InitializeAsync

    public async Task InitializeAsync() => _scene = await mesh.WaypointAsync();

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public Task A_virtual_service_does_all_it_says() => _scene.WithAsync(Virtual, async () =>
    {
        using var http = await _scene.HttpAsync("friend", "virtual");
        await http.UntilAsync(answer => answer.Status == 418, "the routes", "/", "x-case: abort");
        for (var count = 0; count < 10; count++)
        {
            Assert.Equal("server-v2", (await http.AskAsync("/", "x-case: subset")).Server);
            Assert.Equal("server-v1", (await http.AskAsync("/")).Server);
        }

        Assert.Equal(418, (await http.AskAsync("/abort", "x-case: abort")).Status);
        await _scene.GateLineAsync("/abort", "status=418", "flags=\"FI\"");

        var began = Stopwatch.GetTimestamp();
        Assert.Equal("server-v1", (await http.AskAsync("/", "x-case: delay")).Server);
        Assert.InRange(Stopwatch.GetElapsedTime(began).TotalSeconds, 0.69, 3);

        // The server would answer after five seconds.
        began = Stopwatch.GetTimestamp();
        Assert.Equal(504, (await http.AskAsync("/?wait=5000", "x-case: timeout")).Status);
        Assert.InRange(Stopwatch.GetElapsedTime(began).TotalSeconds, 0.45, 3);
        Assert.Equal(200, (await http.AskAsync("/", "x-case: timeout")).Status);

        Assert.Equal(200, (await http.AskAsync($"/?fail=2&key={Key()}", "x-case: retry")).Status);
        Assert.Equal(503, (await http.AskAsync($"/?fail=3&key={Key()}", "x-case: retry")).Status);

        var changed = await http.AskAsync("/", "x-case: headers", "x-set: old", "x-gone: still here");
        Assert.Equal(("new", "added"), (changed.Echo!.Headers["x-set"], changed.Echo.Headers["x-add"]));
        Assert.DoesNotContain("x-gone", changed.Echo.Headers.Keys);
        Assert.Equal("yes", changed.Headers["x-answer"]);
        await MirroredAsync(http);
    });

    /// <summary>Each server fails the first two requests of a key: that the other has had one already shows that a copy came, and how many.</summary>
    private static async Task MirroredAsync(PodHttp http)
    {
        var key = Key();
        Assert.Equal("503 503 200", await AskSecondAsync(key));
        key = Key();
        foreach (var _ in Enumerable.Range(0, 2))
        {
            await http.AskAsync($"/?fail=2&key={key}"); // the first server has had its failures, so that nothing is retried
        }

        Assert.Equal("server-v1", (await http.AskAsync($"/?fail=2&key={key}", "x-case: mirror")).Server);
        await Task.Delay(1000); // the copy is sent beside the request
        Assert.Equal("503 200 200", await AskSecondAsync(key));

        async Task<string> AskSecondAsync(string key)
        {
            var statuses = new List<int>();
            for (var count = 0; count < 3; count++)
            {
                statuses.Add((await http.AskAsync($"/?fail=2&key={key}", "x-case: subset")).Status);
            }

            return string.Join(' ', statuses);
        }
    }

    [Fact]
    public Task A_route_redirects_rewrites_and_changes_fields() => _scene.WithAsync(Paths, async () =>
    {
        using var http = await _scene.HttpAsync("friend", "paths");
        await http.UntilAsync(answer => answer.Status == 301, "the redirect", "/old/book");
        Assert.Equal("https://elsewhere.example/new/book?q=1", (await http.AskAsync("/old/book?q=1")).Headers["location"]);

        var rewritten = await http.AskAsync("/api/book?q=1", "x-set: old", "x-gone: still here");
        Assert.Equal(("/v2/book?q=1", "inner.example"), (rewritten.Echo!.Path, rewritten.Echo.Headers["host"]));
        Assert.Equal(("new", "added"), (rewritten.Echo.Headers["x-set"], rewritten.Echo.Headers["x-add"]));
        Assert.DoesNotContain("x-gone", rewritten.Echo.Headers.Keys);
        Assert.Equal("yes", rewritten.Headers["x-answer"]);

        var plain = await http.AskAsync("/plain", "x-set: old", "x-gone: still here");
        Assert.Equal(("/plain", "old", "still here"), (plain.Echo!.Path, plain.Echo.Headers["x-set"], plain.Echo.Headers["x-gone"]));
        Assert.Equal(404, (await http.AskAsync("/elsewhere")).Status);
    });

    [Fact]
    public Task An_endpoint_that_fails_is_no_longer_asked() => _scene.WithAsync(
        LimitsOf("flaky", "{outlierDetection: {consecutive5xxErrors: 2, interval: 1s, baseEjectionTime: 60s, maxEjectionPercent: 100}}"),
        async () =>
        {
            using var http = await _scene.HttpAsync("friend", "flaky");
            await http.UntilAsync(answer => answer.Echo?.Headers.ContainsKey("traceparent") == true, "the waypoint to be on the way", "/");

            // The first server has counted so many requests of the key that it answers; the second fails each.
            var key = Key();
            using (var first = await _scene.HttpAsync("friend", "server-v1"))
            {
                for (var count = 0; count < 20; count++)
                {
                    await first.AskAsync($"/?fail=1&key={key}");
                }
            }

            var answers = new List<PodAnswer>();
            for (var count = 0; count < 60; count++)
            {
                answers.Add(await http.AskAsync($"/?fail=20&key={key}"));
            }

            Assert.Equal(2, answers.Count(answer => answer.Status == 503));
            Assert.All(answers.Where(answer => answer.Status != 503), answer => Assert.Equal("server-v1", answer.Server));
            Assert.Contains("ambient_outlier_ejections", await _scene.GateMetricsAsync((await _scene.GatePodsAsync())[0]), StringComparison.Ordinal);
        });

    [Fact]
    public Task What_is_beyond_the_limit_is_refused_at_once() => _scene.WithAsync(
        LimitsOf("narrow", "{connectionPool: {tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1}}}"),
        async () =>
        {
            using var http = await _scene.HttpAsync("friend", "narrow");
            await http.UntilAsync(answer => answer.Echo?.Headers.ContainsKey("traceparent") == true, "the waypoint to be on the way", "/");
            await Wait.ForAsync(async () =>
            {
                var statuses = (await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => http.AskAsync("/narrow?wait=300")))).Select(answer => answer.Status).ToArray();
                Assert.All(statuses, status => Assert.True(status is 200 or 503));
                return statuses.Count(status => status == 200) is >= 1 and <= 3 && statuses.Contains(503);
            }, TimeSpan.FromSeconds(15), "the limit");
            await _scene.GateLineAsync("/narrow", "status=503", "flags=\"UO\"");
            Assert.Equal(200, (await http.AskAsync("/narrow")).Status);
        });

    private static string LimitsOf(string name, string policy) =>
        Limits.Replace("NAME", name, StringComparison.Ordinal).Replace("POLICY", policy, StringComparison.Ordinal);

    private static string Key() => Guid.NewGuid().ToString("n");
}
