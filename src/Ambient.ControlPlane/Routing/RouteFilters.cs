using Ambient.Api.Kubernetes;
using Proto = Ambient.Api.Waypoints;

namespace Ambient.ControlPlane.Routing;

/// <summary>Filters of the Gateway API's routes → what a waypoint does to requests and answers.</summary>
internal static class RouteFilters
{
    private static readonly HashSet<string> OfRules =
        ["RequestHeaderModifier", "ResponseHeaderModifier", "RequestMirror", "RequestRedirect", "URLRewrite"];

    private static readonly HashSet<string> OfBackends = ["RequestHeaderModifier", "ResponseHeaderModifier"];

    /// <summary>Whether all filters of a rule and of its backends can be carried out; adds what is wrong.</summary>
    public static bool AllSupported(IRouteRule rule, string at, ICollection<RouteProblem> problems)
    {
        var before = problems.Count;
        foreach (var filter in (rule.Filters ?? []).Where(filter => !OfRules.Contains(filter.Type)))
        {
            problems.Add(new RouteProblem(
                RouteProblem.InvalidFilter, $"{at}.filters: type {filter.Type} is not supported; the rule answers 500. Supported are {string.Join(", ", OfRules)}."));
        }

        foreach (var filter in (rule.BackendRefs ?? []).SelectMany(backend => backend.Filters ?? []).Where(filter => !OfBackends.Contains(filter.Type)))
        {
            problems.Add(new RouteProblem(
                RouteProblem.InvalidFilter,
                $"{at}.backendRefs.filters: type {filter.Type} is not supported at a backend; the rule answers 500. Supported are {string.Join(", ", OfBackends)}."));
        }

        return problems.Count == before;
    }

    /// <summary>Puts header changes and mirrors into a route; returns the redirect if there is one.</summary>
    public static Proto.Redirect? Apply(
        IReadOnlyList<RouteFilter> filters,
        Proto.Route route,
        Func<RequestMirror, string, Proto.Mirror?> mirrorTo,
        string at,
        ICollection<RouteProblem> problems)
    {
        Proto.Redirect? redirect = null;
        foreach (var (filter, index) in filters.Select((filter, index) => (filter, index)))
        {
            switch (filter)
            {
                case { Type: "RequestHeaderModifier" }:
                    route.RequestHeaders = Merge(route.RequestHeaders, filter.RequestHeaderModifier);
                    break;
                case { Type: "ResponseHeaderModifier" }:
                    route.ResponseHeaders = Merge(route.ResponseHeaders, filter.ResponseHeaderModifier);
                    break;
                case { Type: "RequestMirror", RequestMirror: { } mirror }:
                    if (mirrorTo(mirror, $"{at}[{index}].requestMirror.backendRef") is { } target)
                    {
                        route.Mirrors.Add(target);
                    }

                    break;
                case { Type: "RequestRedirect", RequestRedirect: { } to }:
                    redirect = Redirect(to);
                    break;
                case { Type: "RequestMirror" or "RequestRedirect" }:
                    problems.Add(new RouteProblem(RouteProblem.InvalidFilter, $"{at}[{index}]: is empty; say where to."));
                    break;
            }
        }

        return redirect;
    }

    public static Proto.Rewrite? Rewrite(IReadOnlyList<RouteFilter> filters)
    {
        if (filters.Select(filter => filter.UrlRewrite).OfType<UrlRewrite>().FirstOrDefault() is not { } from)
        {
            return null;
        }

        var rewrite = new Proto.Rewrite { Authority = from.Hostname ?? "" };
        switch (from.Path?.Type)
        {
            case "ReplaceFullPath":
                rewrite.FullPath = from.Path.ReplaceFullPath ?? "";
                break;
            case "ReplacePrefixMatch":
                rewrite.Prefix = from.Path.ReplacePrefixMatch ?? "";
                break;
        }

        return rewrite;
    }

    /// <summary>Adds a modifier's changes to those before it; null where there are none.</summary>
    public static Proto.HeaderChanges? Merge(Proto.HeaderChanges? before, HeaderModifier? modifier)
    {
        if (modifier is null)
        {
            return before;
        }

        var changes = before ?? new Proto.HeaderChanges();
        changes.Set.Add((modifier.Set ?? []).Select(HeaderOf));
        changes.Add.Add((modifier.Add ?? []).Select(HeaderOf));
        changes.Remove.Add(modifier.Remove ?? []);
        return changes;
    }

    private static Proto.Header HeaderOf(HeaderValue header) => new() { Name = header.Name, Value = header.Value };

    private static Proto.Redirect Redirect(RequestRedirect from)
    {
        var redirect = new Proto.Redirect
        {
            Scheme = from.Scheme ?? "",
            Authority = from.Hostname ?? "",
            Port = (uint)(from.Port ?? 0),
            Status = (uint)(from.StatusCode ?? 302),
        };
        switch (from.Path?.Type)
        {
            case "ReplaceFullPath":
                redirect.FullPath = from.Path.ReplaceFullPath ?? "";
                break;
            case "ReplacePrefixMatch":
                redirect.Prefix = from.Path.ReplacePrefixMatch ?? "";
                break;
        }

        return redirect;
    }
}
