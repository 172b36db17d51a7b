using System.Globalization;
using Ambient.Api.Kubernetes;
using static Ambient.ControlPlane.Routing.Checks;

namespace Ambient.ControlPlane.Routing;

/// <summary>What is wrong with a VirtualService, each finding with the field it is in and what belongs there.</summary>
internal static class VirtualServiceValidation
{
    private static readonly string[] RetryConditions =
    [
        "5xx", "gateway-error", "reset", "reset-before-request", "connect-failure", "refused-stream", "retriable-4xx", "unavailable", "cancelled",
        "deadline-exceeded", "resource-exhausted", "internal", "retriable-status-codes", "retriable-headers", "envoy-ratelimited", "http3-post-connect-failure",
    ];

    private static readonly string[] Methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*"];

    public static IEnumerable<string> Problems(VirtualService resource)
    {
        var spec = resource.Spec ?? new VirtualServiceSpec();
        if (spec is { Http: not { Count: > 0 }, Tls: not { Count: > 0 }, Tcp: not { Count: > 0 } })
        {
            yield return "spec: has no rule; name http, tls or tcp";
        }

        var hosts = spec.Hosts ?? [];
        foreach (var host in hosts)
        {
            if (host == "*" && !(spec.Gateways ?? []).Any(gateway => gateway != "mesh"))
            {
                yield return "spec.hosts: '*' is for gateways alone; name the hosts";
            }
            else if (!IsHost(host))
            {
                yield return $"spec.hosts: '{host}' is no host; a star may stand for its first labels";
            }
        }

        if (hosts.Distinct(StringComparer.OrdinalIgnoreCase).Count() < hosts.Count)
        {
            yield return "spec.hosts: names a host twice";
        }

        var problems = Numbered(spec.Http, "spec.http").SelectMany(rule => Http(rule.Item, rule.At))
            .Concat(Numbered(spec.Tls, "spec.tls").SelectMany(rule => Tls(rule.Item, rule.At, hosts)))
            .Concat(Numbered(spec.Tcp, "spec.tcp").SelectMany(rule => Routes(rule.Item.Route, rule.At)));
        foreach (var problem in problems)
        {
            yield return problem;
        }
    }

    private static IEnumerable<string> Http(HttpRule rule, string at)
    {
        var actions = new[] { rule.Route is { Count: > 0 }, rule.Redirect is not null, rule.DirectResponse is not null, rule.Delegate is not null }.Count(set => set);
        if (actions != 1)
        {
            yield return $"{at}: needs exactly one of route, redirect, directResponse and delegate";
        }

        var parts = Numbered(rule.Match, $"{at}.match").SelectMany(match => Match(match.Item, match.At))
            .Concat(rule.Route is { Count: > 0 } ? Routes(rule.Route, at) : [])
            .Concat(Redirect(rule.Redirect, $"{at}.redirect"))
            .Concat(Response(rule.DirectResponse, $"{at}.directResponse"))
            .Concat(Fault(rule.Fault, $"{at}.fault"))
            .Concat(Retries(rule.Retries, $"{at}.retries"))
            .Concat(Mirrors(rule, at))
            .Concat(Cors(rule.CorsPolicy, $"{at}.corsPolicy"))
            .Concat(Duration(rule.Timeout, $"{at}.timeout"));
        foreach (var problem in parts)
        {
            yield return problem;
        }
    }

    private static IEnumerable<string> Match(HttpMatch match, string at)
    {
        var named = new[] { (match.Headers, "headers"), (match.WithoutHeaders, "withoutHeaders"), (match.QueryParams, "queryParams") };
        foreach (var (map, field) in named)
        {
            foreach (var (name, text) in map ?? new Dictionary<string, TextMatch>())
            {
                if (name.Length == 0)
                {
                    yield return $"{at}.{field}: a name is empty";
                }

                if (BadExpression(text) is { } why)
                {
                    yield return $"{at}.{field}[{name}]: {why}";
                }
            }
        }

        foreach (var (text, field) in new[] { (match.Uri, "uri"), (match.Scheme, "scheme"), (match.Method, "method"), (match.Authority, "authority") })
        {
            if (BadExpression(text) is { } why)
            {
                yield return $"{at}.{field}: {why}";
            }
        }
    }

    private static string? BadExpression(TextMatch? text) =>
        text?.Regex is { Length: > 0 } pattern && RouteCheck.Problem(pattern) is { } why ? $"'{pattern}' is no regular expression of RE2 ({why})" : null;

    private static IEnumerable<string> Routes(IReadOnlyList<WeightedDestination>? routes, string at)
    {
        if (routes is not { Count: > 0 })
        {
            yield return $"{at}.route: needs a destination";
            yield break;
        }

        if (routes.Any(route => route.Weight < 0))
        {
            yield return $"{at}.route: a weight is negative";
        }
        else if (routes.Count > 1 && routes.Sum(route => (long)(route.Weight ?? 0)) == 0)
        {
            yield return $"{at}.route: all weights are zero; give a destination a weight";
        }

        foreach (var problem in Numbered(routes, $"{at}.route").SelectMany(route => To(route.Item.Destination, $"{route.At}.destination")))
        {
            yield return problem;
        }
    }

    private static IEnumerable<string> To(Destination? destination, string at)
    {
        if (destination?.Host is not { Length: > 0 } host)
        {
            yield return $"{at}.host: is missing";
            yield break;
        }

        if (!IsHost(host))
        {
            yield return $"{at}.host: '{host}' is no host";
        }

        if (destination.Subset is { Length: > 0 } subset && !IsLabel(subset))
        {
            yield return $"{at}.subset: '{subset}' is no name (lower case letters, digits and hyphens)";
        }

        if (destination.Port is { } port && !IsPort(port.Number))
        {
            yield return $"{at}.port.number: {port.Number} is no port (1 to 65535)";
        }
    }

    private static IEnumerable<string> Redirect(HttpRedirect? redirect, string at)
    {
        if (redirect?.RedirectCode is not (null or 0 or 301 or 302 or 303 or 307 or 308))
        {
            yield return $"{at}.redirectCode: {redirect.RedirectCode} is none of 301, 302, 303, 307, 308";
        }
    }

    private static IEnumerable<string> Response(HttpDirectResponse? response, string at)
    {
        if (response is { Status: < 200 or > 599 })
        {
            yield return $"{at}.status: {response.Status} is no status of an answer (200 to 599)";
        }
    }

    private static IEnumerable<string> Fault(HttpFault? fault, string at)
    {
        if (fault is null)
        {
            yield break;
        }

        if (fault is { Delay: null, Abort: null })
        {
            yield return $"{at}: is empty; name delay or abort";
        }

        foreach (var problem in Share(fault.Delay?.Percentage, $"{at}.delay").Concat(Share(fault.Abort?.Percentage, $"{at}.abort")))
        {
            yield return problem;
        }

        if (fault.Delay is { } delay)
        {
            if (delay.FixedDelay is null && delay.ExponentialDelay is null)
            {
                yield return $"{at}.delay.fixedDelay: is missing";
            }

            foreach (var problem in Duration(delay.FixedDelay, $"{at}.delay.fixedDelay"))
            {
                yield return problem;
            }
        }

        if (fault.Abort is { HttpStatus: { } status and (< 200 or > 600) })
        {
            yield return $"{at}.abort.httpStatus: {status} is no status of an answer (200 to 599)";
        }
    }

    private static IEnumerable<string> Retries(HttpRetry? retries, string at)
    {
        if (retries is null)
        {
            yield break;
        }

        if (retries.Attempts < 0)
        {
            yield return $"{at}.attempts: is negative";
        }

        if (retries is { Attempts: null or 0 } and ({ RetryOn.Length: > 0 } or { PerTryTimeout: not null }))
        {
            yield return $"{at}.attempts: is 0, which means no retries, and goes with no other field";
        }

        foreach (var condition in (retries.RetryOn ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (!RetryConditions.Contains(condition) && !(int.TryParse(condition, NumberStyles.None, CultureInfo.InvariantCulture, out var status) && status is >= 100 and <= 599))
            {
                yield return $"{at}.retryOn: '{condition}' is neither a status nor one of {string.Join(", ", RetryConditions)}";
            }
        }

        foreach (var problem in Duration(retries.PerTryTimeout, $"{at}.perTryTimeout").Concat(Duration(retries.Backoff, $"{at}.backoff")))
        {
            yield return problem;
        }
    }

    private static IEnumerable<string> Mirrors(HttpRule rule, string at)
    {
        if (rule is { Mirror: not null, Mirrors.Count: > 0 })
        {
            yield return $"{at}: mirror and mirrors exclude each other";
        }

        var problems = (rule.Mirror is null ? [] : To(rule.Mirror, $"{at}.mirror"))
            .Concat(Share(rule.MirrorPercentage, $"{at}.mirrorPercentage"))
            .Concat(Numbered(rule.Mirrors, $"{at}.mirrors").SelectMany(mirror => To(mirror.Item.Destination, $"{mirror.At}.destination").Concat(Share(mirror.Item.Percentage, mirror.At))));
        foreach (var problem in problems)
        {
            yield return problem;
        }
    }

    private static IEnumerable<string> Cors(CorsPolicy? cors, string at)
    {
        foreach (var method in (cors?.AllowMethods ?? []).Where(method => !Methods.Contains(method)))
        {
            yield return $"{at}.allowMethods: '{method}' is no method";
        }
    }

    private static IEnumerable<string> Tls(TlsRule rule, string at, IReadOnlyList<string> hosts)
    {
        if (rule.Match is not { Count: > 0 })
        {
            yield return $"{at}.match: is missing; name sniHosts";
        }

        foreach (var (match, where) in Numbered(rule.Match, $"{at}.match"))
        {
            if (match.SniHosts is not { Count: > 0 })
            {
                yield return $"{where}.sniHosts: is missing";
            }

            foreach (var sni in (match.SniHosts ?? []).Where(sni => !hosts.Any(host => Covers(host, sni))))
            {
                yield return $"{where}.sniHosts: '{sni}' is none of spec.hosts";
            }
        }

        foreach (var problem in Routes(rule.Route, at))
        {
            yield return problem;
        }
    }

    private static IEnumerable<string> Share(Percentage? share, string at)
    {
        if (share is { Value: < 0 or > 100 })
        {
            yield return $"{at}: {share.Value.ToString(CultureInfo.InvariantCulture)} is no percentage (0 to 100)";
        }
    }

    private static bool Covers(string host, string sni) =>
        host == "*" || host == sni || (host.StartsWith("*.", StringComparison.Ordinal) && sni.EndsWith(host[1..], StringComparison.Ordinal));

}
