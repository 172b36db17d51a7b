using System.Net;
using Ambient.Api;
using Ambient.ControlPlane.Derivation;
using Ambient.ControlPlane.Waypoints;
using Ambient.Mesh.Authorization;
using Ambient.Mesh.Http;
using Google.Protobuf;

namespace Ambient.ControlPlane.Tests.Waypoints;

/// <summary>
/// From the resources that people write to what becomes of a request, through the contract between control plane and waypoint: the cases of the
/// Gateway API's conformance tests for meshes, and of Istio's documentation of policies.
/// </summary>
public sealed class RoutedRequestsTests
{
    private const string Web = "shop/web.shop.svc.cluster.local";

    /// <summary>Everything that the control plane derives from our folders, the waypoint takes.</summary>
    [Theory]
    [MemberData(nameof(WaypointResourcesTests.Folders), MemberType = typeof(WaypointResourcesTests))]
    public void A_waypoint_understands_all_that_it_is_given(string folder)
    {
        var waypoint = Waypoint(File.ReadAllText(Manifest.Path("waypoint", folder, "input.yaml")));
        Assert.True(waypoint.IsComplete(Web), "a policy is named but not sent");
        Assert.NotNull(waypoint.FindService(Web));
    }

    [Theory]
    [InlineData("GET /", "v1")]
    [InlineData("GET /example", "v1")]
    [InlineData("GET / version:one", "v1")]
    [InlineData("GET / version:two", "v2")]
    [InlineData("GET / VERSION:two", "v2")]
    [InlineData("GET /v2", "v2")]
    [InlineData("GET /v2/", "v2")]
    [InlineData("GET /v2/example", "v2")]
    [InlineData("GET /v2example", "v1")]
    [InlineData("GET /foo/v2/example", "v1")]
    [InlineData("GET /v2 version:one", "v2")]
    public void Paths_and_headers_choose_the_backend(string request, string backend) =>
        Assert.Equal(backend, Backend(request, """
            rules:
            - matches:
              - {path: {type: PathPrefix, value: /}}
              - {headers: [{name: version, value: one}]}
              backendRefs: [{name: v1, port: 8080}]
            - matches:
              - {path: {type: PathPrefix, value: /v2}}
              - {headers: [{name: version, value: two}]}
              backendRefs: [{name: v2, port: 8080}]
            """));

    /// <summary>Exact paths first, then longer prefixes, then methods, then more headers, then more parameters, then the order in the route.</summary>
    [Theory]
    [InlineData("GET /match/exact/one", "exact-one")]
    [InlineData("GET /match/exact", "exact")]
    [InlineData("GET /match", "prefix")]
    [InlineData("GET /match/prefix/one/any", "prefix-one")]
    [InlineData("GET /match/prefix/any", "prefix-long")]
    [InlineData("GET /match/any", "prefix")]
    [InlineData("POST /match/any", "prefix-post")]
    [InlineData("GET /match/any a:1", "one-header")]
    [InlineData("GET /match/any a:1 b:2", "two-headers")]
    [InlineData("POST /match/any a:1 b:2", "prefix-post")]
    [InlineData("GET /match/any?q=1", "one-parameter")]
    [InlineData("GET /match/any?q=1&r=2", "two-parameters")]
    [InlineData("GET /match/any?q=1 a:1", "one-header")]
    [InlineData("GET /other", "404")]
    public void The_most_specific_match_wins_wherever_it_stands(string request, string backend) =>
        Assert.Equal(backend, Backend(request, """
            rules:
            - {matches: [{path: {type: PathPrefix, value: /match}}], backendRefs: [{name: prefix, port: 80}]}
            - {matches: [{path: {type: PathPrefix, value: /match}, queryParams: [{name: q, value: "1"}]}], backendRefs: [{name: one-parameter, port: 80}]}
            - {matches: [{path: {type: PathPrefix, value: /match}, queryParams: [{name: q, value: "1"}, {name: r, value: "2"}]}], backendRefs: [{name: two-parameters, port: 80}]}
            - {matches: [{path: {type: PathPrefix, value: /match}, headers: [{name: a, value: "1"}]}], backendRefs: [{name: one-header, port: 80}]}
            - {matches: [{path: {type: PathPrefix, value: /match}, headers: [{name: a, value: "1"}, {name: b, value: "2"}]}], backendRefs: [{name: two-headers, port: 80}]}
            - {matches: [{path: {type: PathPrefix, value: /match}, method: POST}], backendRefs: [{name: prefix-post, port: 80}]}
            - {matches: [{path: {type: PathPrefix, value: /match/prefix/}}], backendRefs: [{name: prefix-long, port: 80}]}
            - {matches: [{path: {type: PathPrefix, value: /match/prefix/one}}], backendRefs: [{name: prefix-one, port: 80}]}
            - {matches: [{path: {type: Exact, value: /match/exact}}], backendRefs: [{name: exact, port: 80}]}
            - {matches: [{path: {type: Exact, value: /match/exact/one}}], backendRefs: [{name: exact-one, port: 80}]}
            """));

    [Theory]
    [InlineData("GET /?animal=whale", "v1")]
    [InlineData("GET /?animal=dolphin", "v2")]
    [InlineData("GET /?animal=dolphin&color=blue", "both")]
    [InlineData("GET /?color=blue", "404")]
    [InlineData("GET /?animal=dog", "404")]
    [InlineData("GET /?animal=whaledolphin", "404")]
    [InlineData("GET /", "404")]
    public void Parameters_of_the_query_choose_the_backend(string request, string backend) =>
        Assert.Equal(backend, Backend(request, """
            rules:
            - {matches: [{queryParams: [{name: animal, value: whale}]}], backendRefs: [{name: v1, port: 80}]}
            - {matches: [{queryParams: [{name: animal, value: dolphin}]}], backendRefs: [{name: v2, port: 80}]}
            - {matches: [{queryParams: [{name: animal, value: dolphin}, {name: color, value: blue}]}], backendRefs: [{name: both, port: 80}]}
            """));

    [Theory]
    [InlineData("hostname: example.org", "GET /hostname-redirect", 302, "http://example.org/hostname-redirect")]
    [InlineData("hostname: example.org, statusCode: 301", "GET /", 301, "http://example.org/")]
    [InlineData("scheme: https", "GET /a?b=c", 302, "https://web/a?b=c")]
    [InlineData("scheme: https, hostname: example.org, port: 8443", "GET /a", 302, "https://example.org:8443/a")]
    [InlineData("port: 8083", "GET /port", 302, "http://web:8083/port")]
    [InlineData("port: 80", "GET /port", 302, "http://web/port")]
    [InlineData("scheme: http, port: 443", "GET /port", 302, "http://web:443/port")]
    [InlineData("path: {type: ReplaceFullPath, replaceFullPath: /full-path-replacement}", "GET /full/path/original", 302, "http://web/full-path-replacement")]
    [InlineData("path: {type: ReplacePrefixMatch, replacePrefixMatch: /replacement-prefix}", "GET /original-prefix/lemon", 302, "http://web/replacement-prefix/lemon")]
    public void Redirects_lead_where_the_Gateway_API_says(string redirect, string request, int status, string location)
    {
        var decision = Decide(request, $$"""
            rules:
            - matches: [{path: {type: PathPrefix, value: /original-prefix} }, {path: {type: PathPrefix, value: /} }]
              filters: [{type: RequestRedirect, requestRedirect: { {{redirect}} } }]
            """);
        Assert.Equal((RouteOutcome.Redirect, status, location), (decision.Outcome, decision.Status, decision.Location));
    }

    [Theory]
    [InlineData("GET /prefix/one/two", "/one/two")]
    [InlineData("GET /prefix/one", "/one")]
    [InlineData("GET /strip-prefix/three", "/three")]
    [InlineData("GET /strip-prefix", "/")]
    [InlineData("GET /full/one/two?q", "/one?q")]
    [InlineData("GET /original/x", "/x/x")]
    public void Rewrites_change_what_the_backend_sees(string request, string target) =>
        Assert.Equal(target, Decide(request, """
            rules:
            - matches: [{path: {type: PathPrefix, value: /prefix/one}}]
              filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /one}}}]
              backendRefs: [{name: v1, port: 80}]
            - matches: [{path: {type: PathPrefix, value: /strip-prefix}}]
              filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}]
              backendRefs: [{name: v1, port: 80}]
            - matches: [{path: {type: PathPrefix, value: /full}}]
              filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /one}}}]
              backendRefs: [{name: v1, port: 80}]
            - matches: [{path: {type: PathPrefix, value: /original}}]
              filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /x}}}]
              backendRefs: [{name: v1, port: 80}]
            """).Target);

    [Theory]
    [InlineData("POST /grpcecho.GrpcEcho/Echo", "v1")]
    [InlineData("POST /grpcecho.GrpcEcho/EchoTwo", "v2")]
    [InlineData("POST /grpcecho.GrpcEcho/EchoTwo version:three", "v3")]
    [InlineData("POST /other.Service/Call", "all")]
    [InlineData("POST /grpcecho.GrpcEchoes/Echo", "404")]
    public void Calls_of_gRPC_are_routed_by_service_and_method(string request, string backend)
    {
        var decision = DecideOn(request, Route("GRPCRoute", """
            rules:
            - {matches: [{method: {service: grpcecho.GrpcEcho, method: Echo}}], backendRefs: [{name: v1, port: 80}]}
            - {matches: [{method: {service: grpcecho.GrpcEcho, method: EchoTwo}}], backendRefs: [{name: v2, port: 80}]}
            - {matches: [{method: {service: grpcecho.GrpcEcho, method: EchoTwo}, headers: [{name: version, value: three}]}], backendRefs: [{name: v3, port: 80}]}
            - {matches: [{method: {service: other.Service}}], backendRefs: [{name: all, port: 80}]}
            """), out _);
        Assert.Equal(backend, Name(decision));
    }

    [Fact]
    public void A_missing_backend_gets_its_share_and_500()
    {
        var waypoint = Waypoint(Route("HTTPRoute", "rules: [{backendRefs: [{name: v1, port: 80, weight: 1}, {name: nowhere, port: 80, weight: 1}]}]"));
        var random = new Random(5);
        var outcomes = Enumerable.Range(0, 1000).Select(_ => HttpRouter.Decide(waypoint, Web, new Call("GET /").Facts, random))
            .CountBy(decision => (decision.Outcome, decision.Status)).ToDictionary();
        Assert.InRange(outcomes[(RouteOutcome.Forward, 0)], 430, 570);
        Assert.Equal(1000, outcomes[(RouteOutcome.Forward, 0)] + outcomes[(RouteOutcome.NoBackend, 500)]);
    }

    /// <summary>Istio's first example of an AuthorizationPolicy, on a service.</summary>
    [Theory]
    [InlineData("GET /info/version", "default/sleep", true)]
    [InlineData("POST /data", "default/sleep", true)]
    [InlineData("GET /info", "test/anybody", true)]
    [InlineData("GET /data", "default/sleep", false)]
    [InlineData("POST /info", "test/anybody", false)]
    [InlineData("GET /info", "default/other", false)]
    [InlineData("DELETE /info", "default/sleep", false)]
    public void Policies_hold_as_Istio_documents_them(string request, string account, bool allowed)
    {
        var waypoint = Waypoint("""
            apiVersion: security.istio.io/v1
            kind: AuthorizationPolicy
            metadata: {name: httpbin, namespace: shop}
            spec:
              targetRefs: [{group: "", kind: Service, name: web}]
              action: ALLOW
              rules:
              - from:
                - source: {principals: [cluster.local/ns/default/sa/sleep]}
                - source: {namespaces: [test]}
                to:
                - operation: {methods: [GET], paths: ["/info*"]}
                - operation: {methods: [POST], paths: [/data]}
            """);
        var facts = new Call(request, account).Facts;
        var verdict = HttpAuthorizer.Evaluate(waypoint, Web, facts);
        Assert.Equal(allowed, verdict.Allowed);
        Assert.Contains(allowed ? "allowed by: shop/httpbin (rule 0:" : "nearest: shop/httpbin rule 0:", HttpVerdictExplanation.Render(waypoint, Web, facts, verdict), StringComparison.Ordinal);
    }

    private static string Backend(string request, string spec) => Name(Decide(request, spec));

    private static RouteDecision Decide(string request, string spec) => DecideOn(request, Route("HTTPRoute", spec), out _);

    private static RouteDecision DecideOn(string request, string yaml, out WaypointSnapshot waypoint)
    {
        waypoint = Waypoint(yaml);
        return HttpRouter.Decide(waypoint, Web, new Call(request).Facts, new Random(1));
    }

    private static string Name(in RouteDecision decision) =>
        decision.Outcome == RouteOutcome.Forward ? decision.Destination!.Split('/')[1].Split('.')[0] : decision.Status.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private static string Route(string kind, string spec) => $"""
        apiVersion: gateway.networking.k8s.io/v1
        kind: {kind}
        metadata: {"{name: route, namespace: shop}"}
        spec:
          parentRefs: [{"{group: \"\", kind: Service, name: web}"}]
          {spec.ReplaceLineEndings("\n  ")}
        """;

    /// <summary>What the waypoint shop/front knows; every backend that a route here names is a service.</summary>
    private static WaypointSnapshot Waypoint(string yaml)
    {
        var model = Cluster.Model(File.ReadAllText(Manifest.Path("waypoint", "cluster.yaml")));
        foreach (var name in new[] { "v1", "v2", "v3", "all", "both", "prefix", "exact", "exact-one", "prefix-one", "prefix-long", "prefix-post", "one-header", "two-headers", "one-parameter", "two-parameters" })
        {
            model.Apply($$"""
                apiVersion: v1
                kind: Service
                metadata: {name: {{name}}, namespace: shop}
                spec: {clusterIP: None, ports: [{name: http, port: 80}, {name: http-8080, port: 8080}]}
                """);
        }

        model.Apply(yaml);
        var changes = model.Settle();
        var update = new WaypointUpdate
        {
            Waypoint = Mine(changes.WaypointResources.Values).Select(one => WaypointDecoder.DecodeWaypoint(one.Name, one.Resource.ToByteString())).Single(),
        };
        update.Services.AddRange(Mine(changes.WaypointServices.Values).Select(one => WaypointDecoder.DecodeService(one.Name, one.Resource.ToByteString())));
        update.Policies.AddRange(Mine(changes.WaypointAuthorizations.Values).Select(one => WaypointDecoder.DecodePolicy(one.Name, one.Resource.ToByteString())));
        var store = new WaypointStore();
        return store.Apply(update).After;

        static IEnumerable<Scoped<T>> Mine<T>(IEnumerable<Scoped<T>?> all)
            where T : class, IMessage => all.OfType<Scoped<T>>().Where(one => one.Waypoint == "shop/front");
    }

    /// <summary>A request in one line: <c>GET /path?query name:value</c>.</summary>
    private sealed class Call(string line, string account = "shop/client") : IHeaderSource
    {
        private readonly string[] _words = line.Split(' ');

        public HttpRequestFacts Facts
        {
            get
            {
                var target = _words[1].Split('?', 2);
                return new HttpRequestFacts
                {
                    Connection = new ConnectionFacts(
                        IPAddress.Parse("10.1.0.1"), new SpiffeId("cluster.local", account.Split('/')[0], account.Split('/')[1]), IPAddress.Parse("10.96.0.10"), 80),
                    Method = _words[0],
                    Path = target[0],
                    Query = target.Length > 1 ? "?" + target[1] : "",
                    Authority = "web",
                    Scheme = "http",
                    Headers = this,
                };
            }
        }

        public bool TryGet(HeaderName name, Span<char> scratch, out ReadOnlySpan<char> value)
        {
            var found = _words.Skip(2).Select(word => word.Split(':')).FirstOrDefault(pair => pair[0].Equals(name.Text, StringComparison.OrdinalIgnoreCase));
            value = found?[1];
            return found is not null;
        }
    }
}
