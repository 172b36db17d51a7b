using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Collections;
using Proto = Ambient.Api.Waypoints;

namespace Ambient.ControlPlane.Routing;

/// <summary>HTTPRoute and GRPCRoute → routes of a waypoint. One use compiles one resource.</summary>
internal sealed class RouteCompiler
{
    private readonly HostLookup _hosts;
    private readonly IRoute _route;
    private readonly Reads _reads;
    private readonly List<RouteProblem> _problems = [];

    private RouteCompiler(HostLookup hosts, IRoute route, Reads reads) => (_hosts, _route, _reads) = (hosts, route, reads);

    public static CompiledRules Compile(HttpRoute route, HostLookup hosts, Reads reads)
    {
        var compiler = new RouteCompiler(hosts, route, reads);
        return compiler.Compile(route.Spec?.Rules ?? [], compiler.Routes);
    }

    public static CompiledRules Compile(GrpcRoute route, HostLookup hosts, Reads reads)
    {
        var compiler = new RouteCompiler(hosts, route, reads);
        return compiler.Compile(route.Spec?.Rules ?? [], compiler.Routes);
    }

    private CompiledRules Compile<TRule>(IReadOnlyList<TRule> rules, Func<TRule, string, IEnumerable<Proto.Route>> compile)
    {
        Proto.Route[] routes = [.. RouteCheck.Taken(rules.SelectMany((rule, index) => compile(rule, $"rules[{index}]")), _problems)];
        return new CompiledRules(new(routes), new(_problems));
    }

    private IEnumerable<Proto.Route> Routes(HttpRouteRule rule, string at)
    {
        var common = Common(rule, rule.Name, at);
        common.Timeout = Durations.Wire(rule.Timeouts?.Request);
        common.Retry = RetryOf(rule);
        if (rule is { Timeouts: { Request: null, BackendRequest: { } alone }, Retry: null })
        {
            // One try is all there is to it, so the time of a try is that of the exchange.
            common.Timeout = Durations.Wire(alone);
        }

        var needsPrefix = PathModifiers(rule).Any(modifier => modifier.Type == "ReplacePrefixMatch");
        return (rule.Matches is { Count: > 0 } matches ? matches : [new HttpRouteMatch()])
            .Select(match => With(common, RouteMatches.Of(match, needsPrefix)));
    }

    private IEnumerable<Proto.Route> Routes(GrpcRouteRule rule, string at)
    {
        var common = Common(rule, rule.Name, at);
        return (rule.Matches is { Count: > 0 } matches ? matches : [new GrpcRouteMatch()])
            .Select(match => With(common, RouteMatches.Of(match)));
    }

    private static Proto.Route With(Proto.Route common, Proto.Match match)
    {
        var route = new Proto.Route(common);
        if (match.CalculateSize() > 0)
        {
            route.Matches.Add(match);
        }

        return route;
    }

    /// <summary>What all matches of a rule have in common: where its requests go, and what is done to them.</summary>
    private Proto.Route Common(IRouteRule rule, string? name, string at)
    {
        var route = new Proto.Route
        {
            Source = $"{_route.Kind} {_route.Metadata.Namespace}/{_route.Metadata.Name}",
            Rule = name ?? at["rules[".Length..^1],
        };
        var redirect = RouteFilters.Apply(rule.Filters ?? [], route, MirrorTo, $"{at}.filters", _problems);
        if (redirect is not null)
        {
            route.Redirect = redirect;
        }
        else
        {
            SendOn(route, rule, at);
        }

        return RouteFilters.AllSupported(rule, at, _problems) ? route : RouteCheck.Failing(route);
    }

    private void SendOn(Proto.Route route, IRouteRule rule, string at)
    {
        Proto.Backend[] backends = [.. (rule.BackendRefs ?? []).Select((backend, index) => BackendOf(backend, $"{at}.backendRefs[{index}]"))];
        if (!backends.Any(backend => backend.Weight > 0))
        {
            // As the Gateway API has it where there is nobody to send to.
            route.Response = new Proto.DirectResponse { Status = 500 };
            return;
        }

        route.Forward = new Proto.Forward
        {
            Backends = { backends.Where(backend => backend.Weight > 0) },
            Rewrite = RouteFilters.Rewrite(rule.Filters ?? []),
        };
    }

    private Proto.Backend BackendOf(BackendReference reference, string at)
    {
        var backend = new Proto.Backend
        {
            Service = Resolve(reference, at)?.Key ?? "",
            Port = (uint)(reference.Port ?? 0),
            Weight = (uint)Math.Max(reference.Weight ?? 1, 0),
        };
        foreach (var filter in reference.Filters ?? [])
        {
            if (filter.Type == "RequestHeaderModifier")
            {
                backend.RequestHeaders = RouteFilters.Merge(backend.RequestHeaders, filter.RequestHeaderModifier);
            }
            else if (filter.Type == "ResponseHeaderModifier")
            {
                backend.ResponseHeaders = RouteFilters.Merge(backend.ResponseHeaders, filter.ResponseHeaderModifier);
            }
        }

        return backend;
    }

    private Proto.Mirror? MirrorTo(RequestMirror mirror, string at) => mirror.BackendRef is { } reference && Resolve(reference, at) is { } host
        ? new Proto.Mirror { Service = host.Key, Port = (uint)(reference.Port ?? 0), Share = ShareOf(mirror) }
        : null;

    private static uint ShareOf(RequestMirror mirror) => mirror switch
    {
        { Percent: { } percent } => (uint)Math.Clamp(percent, 0, 100) * 10_000,
        { Fraction: { } fraction } => (uint)Math.Clamp(Math.Round(fraction.Numerator * 1_000_000d / Math.Max(fraction.Denominator ?? 100, 1)), 0, 1_000_000),
        _ => 1_000_000,
    };

    private MeshHost? Resolve(BackendReference reference, string at)
    {
        var ns = _route.Metadata.Namespace ?? "";
        if (!HostLookup.IsKnown(reference))
        {
            _problems.Add(new RouteProblem(
                RouteProblem.InvalidKind,
                $"{at}: a backend of kind {reference.Kind} (group '{reference.Group}') is not supported; use a Service, or a Hostname of group networking.istio.io."));
            return null;
        }

        if (_hosts.Find(reference, ns, _reads) is { } host)
        {
            return host;
        }

        _problems.Add(new RouteProblem(
            RouteProblem.BackendNotFound,
            $"{at}: there is no {reference.Kind ?? "Service"} {(reference.Kind == "Hostname" ? reference.Name : $"{reference.Namespace ?? ns}/{reference.Name}")}; its share of the requests is answered with 500."));
        return null;
    }

    private static IEnumerable<PathModifier> PathModifiers(IRouteRule rule) => (rule.Filters ?? [])
        .SelectMany(filter => new[] { filter.RequestRedirect?.Path, filter.UrlRewrite?.Path })
        .OfType<PathModifier>();

    /// <summary>
    /// What is said about retries; null for the default. A time for a single try without a word on retries leaves the default ones in
    /// place, within the time of the exchange.
    /// </summary>
    private static Proto.Retry? RetryOf(HttpRouteRule rule)
    {
        var perTry = rule.Timeouts?.Request is null && rule.Retry is null ? null : Durations.Wire(rule.Timeouts?.BackendRequest);
        if (rule.Retry is null && perTry is null)
        {
            return null;
        }

        return new Proto.Retry
        {
            Attempts = (uint)Math.Max(rule.Retry?.Attempts ?? DefaultRetry.Attempts, 0),
            PerTryTimeout = perTry,
            Backoff = Durations.Wire(rule.Retry?.Backoff),
            Statuses = { (rule.Retry?.Codes ?? []).Select(code => (uint)code) },
            Conditions = { DefaultRetry.Conditions },
        };
    }
}

/// <summary>The retries of requests about which nothing is said, as Istio has them: what has not reached an application.</summary>
internal static class DefaultRetry
{
    public const int Attempts = 2;

    public static readonly string[] Conditions = ["connect-failure", "refused-stream", "unavailable", "cancelled"];
}
