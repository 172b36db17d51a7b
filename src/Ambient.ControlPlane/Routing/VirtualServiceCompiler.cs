using System.Globalization;
using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Collections;
using Ambient.ControlPlane.Derivation;
using Ambient.ControlPlane.Policies;
using Proto = Ambient.Api.Waypoints;

namespace Ambient.ControlPlane.Routing;

/// <summary>VirtualService → routes of a waypoint, in the order in which they are written. One use compiles one resource.</summary>
internal sealed class VirtualServiceCompiler
{
    private readonly HostLookup _hosts;
    private readonly VirtualService _resource;
    private readonly Reads _reads;
    private readonly List<RouteProblem> _problems;
    private readonly Collection<Accepted<VirtualService>>? _delegates;

    private VirtualServiceCompiler(
        HostLookup hosts, VirtualService resource, Reads reads, List<RouteProblem> problems, Collection<Accepted<VirtualService>>? delegates) =>
        (_hosts, _resource, _reads, _problems, _delegates) = (hosts, resource, reads, problems, delegates);

    /// <summary>Compiles a resource that is for the proxies of the mesh.</summary>
    /// <param name="resource">The resource.</param>
    /// <param name="hosts">Finds the hosts that it names.</param>
    /// <param name="all">Those to which it may delegate.</param>
    /// <param name="reads">What it reads is recorded there.</param>
    public static CompiledRules Compile(VirtualService resource, HostLookup hosts, Collection<Accepted<VirtualService>> all, Reads reads) =>
        new VirtualServiceCompiler(hosts, resource, reads, [], all).Compile();

    /// <summary>Whether the resource is for the mesh at all, and not for gateways alone.</summary>
    public static bool IsForMesh(VirtualService resource) => IsMesh(resource.Spec?.Gateways);

    private static bool IsMesh(IReadOnlyList<string>? gateways) => gateways is not { Count: > 0 } || gateways.Contains("mesh");

    private CompiledRules Compile()
    {
        var spec = _resource.Spec ?? new VirtualServiceSpec();
        if (spec is { Tls.Count: > 0 } or { Tcp.Count: > 0 })
        {
            Unsupported("spec.tls and spec.tcp", "connections go to the service itself", "http rules, or weights of endpoints");
        }

        var routes = (spec.Http ?? []).SelectMany((rule, index) => Routes(rule, index)).ToList();
        return new CompiledRules(new(RouteCheck.Taken(routes, _problems)), new(_problems));
    }

    private IEnumerable<Proto.Route> Routes(HttpRule rule, int index)
    {
        var at = string.Create(CultureInfo.InvariantCulture, $"spec.http[{index}]");
        if (rule.Delegate is { } to && Delegate(to, $"{at}.delegate") is { } target)
        {
            var inner = new VirtualServiceCompiler(_hosts, target, _reads, _problems, null);
            return DelegateRules.Of(rule, target.Spec?.Http).SelectMany((delegated, number) => inner.Routes(delegated, number));
        }

        var common = Common(rule, rule.Name is { Length: > 0 } name ? name : index.ToString(CultureInfo.InvariantCulture), at);
        if (rule.Match is not { Count: > 0 } matches)
        {
            return [ForMatch(common, null, rule)];
        }

        var readable = matches
            .Where(match => IsMesh(match.Gateways))
            .Where((match, number) => IsHeld(match, $"{at}.match[{number}]"))
            .Select(match => ForMatch(common, match, rule));
        return readable;
    }

    /// <summary>The resource whose rules take a rule's place: one without hosts of its own, which does not delegate in its turn.</summary>
    private VirtualService? Delegate(Api.Kubernetes.Delegate to, string at)
    {
        var key = ResourceKey.Of(to.Namespace is { Length: > 0 } other ? other : _resource.Metadata.Namespace, to.Name ?? "");
        if (_delegates is not null && _reads.Get(_delegates, key)?.Good is { } found && found.Spec?.Hosts is not { Count: > 0 })
        {
            return found;
        }

        _problems.Add(new RouteProblem(RouteProblem.UnsupportedValue, _delegates is null
            ? $"{at}: who is delegated to cannot delegate again; the rule answers 500."
            : $"{at}: there is no VirtualService {key} without hosts; the rule answers 500."));
        return null;
    }

    /// <summary>A match on what a waypoint does not know of a client can never hold.</summary>
    private bool IsHeld(HttpMatch match, string at)
    {
        if (match.SourceLabels is { Count: > 0 })
        {
            Unsupported($"{at}.sourceLabels", "the match never holds", "a policy on the source's identity, or a header");
            return false;
        }

        if (match.SourceNamespace is { Length: > 0 })
        {
            Unsupported($"{at}.sourceNamespace", "the match never holds", "a policy on the source's identity, or a header");
            return false;
        }

        return true;
    }

    private static Proto.Route ForMatch(Proto.Route common, HttpMatch? from, HttpRule rule)
    {
        var route = new Proto.Route(common);
        var match = from is null ? new Proto.Match() : VirtualServiceMatches.Of(from);
        if (from?.Port is { } port and > 0)
        {
            route.Ports.Add((uint)port);
        }

        if (rule.Rewrite is { Uri: { Length: > 0 } uri } && route.Forward?.Rewrite is { } rewrite)
        {
            // Istio replaces what a prefix matched, and of any other match everything; nothing said is the prefix of all.
            match.Path ??= new Proto.PathMatch { Prefix = "/" };
            if (match.Path.KindCase == Proto.PathMatch.KindOneofCase.Prefix)
            {
                rewrite.Prefix = uri;
            }
            else
            {
                rewrite.FullPath = uri;
            }
        }

        if (match.CalculateSize() > 0)
        {
            route.Matches.Add(match);
        }

        return route;
    }

    /// <summary>What all matches of a rule have in common: where its requests go, and what is done to them.</summary>
    private Proto.Route Common(HttpRule rule, string name, string at)
    {
        var route = new Proto.Route
        {
            Source = $"VirtualService {ResourceKey.Of(_resource)}",
            Rule = name,
            RequestHeaders = Changes(rule.Headers?.Request),
            ResponseHeaders = Changes(rule.Headers?.Response),
            Timeout = Durations.Wire(rule.Timeout),
            Retry = RetryOf(rule.Retries, at),
            Fault = FaultOf(rule.Fault, at),
        };
        route.Mirrors.Add(Mirrors(rule, at));
        if (rule.CorsPolicy is not null)
        {
            Unsupported($"{at}.corsPolicy", "answers go without its headers, so that browsers refuse them to other origins", "the application's own headers");
        }

        if (rule.Redirect is { } redirect)
        {
            route.Redirect = VirtualServiceAnswers.Of(redirect);
        }
        else if (rule.DirectResponse is { } response)
        {
            route.Response = VirtualServiceAnswers.Of(response);
        }
        else if (rule.Delegate is not null)
        {
            return RouteCheck.Failing(route);
        }
        else if (rule.Rewrite?.UriRegexRewrite is not null)
        {
            Unsupported($"{at}.rewrite.uriRegexRewrite", "the rule answers 500", "rewrite.uri");
            return RouteCheck.Failing(route);
        }
        else
        {
            route.Forward = new Proto.Forward { Backends = { Backends(rule.Route ?? [], at) } };
            if (rule.Rewrite is { } rewrite)
            {
                route.Forward.Rewrite = new Proto.Rewrite { Authority = rewrite.Authority ?? "" };
            }
        }

        return route;
    }

    /// <summary>A single destination gets everything, whatever its weight.</summary>
    private IEnumerable<Proto.Backend> Backends(IReadOnlyList<WeightedDestination> routes, string at) => routes
        .Where(route => routes.Count == 1 || route.Weight > 0)
        .Select((route, index) =>
        {
            var (key, port) = Resolve(route.Destination, $"{at}.route[{index}].destination");
            return new Proto.Backend
            {
                Service = key,
                Port = port,
                Weight = routes.Count == 1 ? 1 : (uint)route.Weight!.Value,
                Subset = route.Destination?.Subset ?? "",
                RequestHeaders = Changes(route.Headers?.Request),
                ResponseHeaders = Changes(route.Headers?.Response),
            };
        })
        .ToList();

    /// <summary>The key of the host, empty where there is none, and the port: named, the only one, or the request's own (0).</summary>
    private (string Key, uint Port) Resolve(Destination? destination, string at)
    {
        var ns = _resource.Metadata.Namespace ?? "";
        var name = _hosts.FullName(destination?.Host ?? "", ns);
        if (_hosts.Named(name, ns, _reads) is not { } host)
        {
            _problems.Add(new RouteProblem(
                RouteProblem.BackendNotFound, $"{at}.host: there is no service {name}; its share of the requests is answered with 500. A name without dots is one of namespace {ns}."));
            return ("", 0);
        }

        return (host.Key, destination?.Port?.Number is { } number ? (uint)number : host.Ports.Count == 1 ? host.Ports[0] : 0);
    }

    private IEnumerable<Proto.Mirror> Mirrors(HttpRule rule, string at)
    {
        IEnumerable<(Destination? To, double? Percent)> all = rule.Mirror is { } single
            ? [(single, rule.MirrorPercentage?.Value ?? rule.MirrorPercent)]
            : (rule.Mirrors ?? []).Select(mirror => (mirror.Destination, mirror.Percentage?.Value));
        foreach (var (to, percent) in all)
        {
            var (key, port) = Resolve(to, $"{at}.mirror");
            if (key.Length > 0)
            {
                yield return new Proto.Mirror { Service = key, Port = port, Subset = to?.Subset ?? "", Share = Share(percent ?? 100) };
            }
        }
    }

    private static Proto.HeaderChanges? Changes(HeaderOperation? from)
    {
        if (from is null)
        {
            return null;
        }

        var changes = new Proto.HeaderChanges();
        changes.Set.Add(Headers(from.Set));
        changes.Add.Add(Headers(from.Add));
        changes.Remove.Add(from.Remove ?? []);
        return changes;
    }

    private static IEnumerable<Proto.Header> Headers(IReadOnlyDictionary<string, string>? from) => (from ?? new Dictionary<string, string>())
        .OrderBy(entry => entry.Key, StringComparer.Ordinal)
        .Select(entry => new Proto.Header { Name = entry.Key, Value = entry.Value });

    private Proto.Retry? RetryOf(HttpRetry? from, string at)
    {
        if (from is null)
        {
            return null;
        }

        var on = (from.RetryOn ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var retry = new Proto.Retry
        {
            Attempts = (uint)(from.Attempts ?? 0),
            PerTryTimeout = Durations.Wire(from.PerTryTimeout),
            Backoff = Durations.Wire(from.Backoff),
        };
        foreach (var condition in on)
        {
            if (uint.TryParse(condition, NumberStyles.None, CultureInfo.InvariantCulture, out var status))
            {
                retry.Statuses.Add(status);
            }
            else if (condition is "retriable-headers" or "envoy-ratelimited" or "http3-post-connect-failure")
            {
                Unsupported($"{at}.retries.retryOn '{condition}'", "it never holds", "status codes");
            }
            else
            {
                retry.Conditions.Add(condition);
            }
        }

        if (on.Length == 0)
        {
            retry.Conditions.Add(DefaultRetry.Conditions);
        }

        return retry;
    }

    private Proto.Fault? FaultOf(HttpFault? from, string at)
    {
        if (from is null)
        {
            return null;
        }

        if (from.Abort is { Http2Error: not null } or { HttpStatus: null, GrpcStatus: null } || from.Delay is { ExponentialDelay: not null })
        {
            Unsupported($"{at}.fault", "http2Error and exponentialDelay make no fault", "abort.httpStatus, abort.grpcStatus, or delay.fixedDelay");
        }

        var grpc = from.Abort?.GrpcStatus is { Length: > 0 } code ? GrpcStatusOf(code) : null;
        return new Proto.Fault
        {
            Delay = Durations.Wire(from.Delay?.FixedDelay),
            DelayShare = Share(from.Delay?.Percentage?.Value ?? from.Delay?.Percent ?? 0),
            AbortStatus = (uint)(from.Abort?.HttpStatus ?? 0),
            AbortGrpcStatus = grpc is { } number ? number + 1 : 0,
            AbortShare = from.Abort is { HttpStatus: not null } || grpc is not null ? Share(from.Abort!.Percentage?.Value ?? 0) : 0,
        };
    }

    /// <summary>A code of gRPC, by number or by its name.</summary>
    private static uint? GrpcStatusOf(string text)
    {
        string[] names =
        [
            "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED",
            "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
        ];
        return uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
            : Array.IndexOf(names, text.ToUpperInvariant()) is >= 0 and var index ? (uint)index
            : null;
    }

    private static uint Share(double percent) => (uint)Math.Clamp(Math.Round(percent * 10_000), 0, 1_000_000);

    private void Unsupported(string field, string consequence, string instead) => _problems.Add(new RouteProblem(
        RouteProblem.UnsupportedValue, $"{field} is not supported: {consequence}. Use {instead}."));
}
