using System.Globalization;

namespace Ambient.Mesh.Http;

/// <summary>Says in words what led to a decision about a request: one line for logs, several for <c>explain</c>.</summary>
public static class HttpRouteExplanation
{
    /// <summary>More rules that did not match than this are counted, not told: the reader looks for one of a few.</summary>
    private const int MostPassedOver = 20;

    /// <summary>One line: what decided, and what becomes of the request.</summary>
    public static string Render(string? serviceKey, in HttpRequestFacts facts, in RouteDecision decision) => decision.Outcome switch
    {
        RouteOutcome.UnknownService => $"service {serviceKey} is not served by this waypoint, or its configuration has not been received",
        RouteOutcome.NoRoute => string.Create(CultureInfo.InvariantCulture,
            $"no route of service {serviceKey} matches {facts.Method} {facts.Path} on port {facts.Connection.DestinationPort}"),
        RouteOutcome.Undecided => $"{decision.Route} has an expression that takes too long for this request; simplify it",
        RouteOutcome.NoBackend => $"{decision.Route} has no backend for the request{Missing(decision)}",
        _ => $"{decision.Route?.ToString() ?? "no route"}: {Outcome(decision)}",
    };

    /// <summary>The steps in order: what was asked, which rules did not match and why, which one did, and what it does.</summary>
    public static IReadOnlyList<string> Steps(string? serviceKey, in HttpRequestFacts facts, in RouteDecision decision)
    {
        var port = facts.Connection.DestinationPort;
        var steps = new List<string>
        {
            string.Create(CultureInfo.InvariantCulture, $"{facts.Method} {facts.Authority}{facts.Path}{facts.Query} asks for {serviceKey ?? "a workload itself"} port {port}"),
        };
        if (decision.Service is { } service)
        {
            PassedOver(service, port, facts, decision.Route, steps);
        }

        if (decision is { Route: { } route, Outcome: not RouteOutcome.Undecided })
        {
            steps.Add(decision.Match < 0
                ? $"{route} is for every request"
                : $"{route} matches: {Match(route.Matches[decision.Match], facts)}");
        }
        else if (decision is { Outcome: RouteOutcome.Forward, Service: not null })
        {
            steps.Add(string.Create(CultureInfo.InvariantCulture, $"no route is for port {port}"));
        }

        steps.Add(decision.Outcome switch
        {
            RouteOutcome.UnknownService or RouteOutcome.NoRoute or RouteOutcome.NoBackend or RouteOutcome.Undecided => $"{Render(serviceKey, facts, decision)}: {decision.Status}",
            _ => Outcome(decision),
        });
        Extras(decision, steps);
        return steps;
    }

    private static void PassedOver(HttpService service, int port, in HttpRequestFacts facts, HttpRoute? until, List<string> steps)
    {
        var more = 0;
        foreach (var route in service.Routes)
        {
            if (ReferenceEquals(route, until))
            {
                break;
            }

            if (!route.IsFor(port))
            {
                continue;
            }

            if (steps.Count > MostPassedOver)
            {
                more++;
                continue;
            }

            var reasons = new List<string>();
            foreach (var match in route.Matches)
            {
                reasons.Add(Failure(match, facts));
            }

            steps.Add($"{route} does not match: {string.Join("; ", reasons)}");
        }

        if (more > 0)
        {
            steps.Add(string.Create(CultureInfo.InvariantCulture, $"{more} more rules do not match"));
        }
    }

    private static string Failure(RouteMatch match, in HttpRequestFacts facts)
    {
        var part = RouteMatching.Failing(match, facts, out var failing);
        return part switch
        {
            MatchPart.Path => $"path {facts.Path} is not {match.Path}",
            MatchPart.Method => $"method {facts.Method} is not {match.Method}",
            MatchPart.Authority => $"host {facts.Authority} is not {match.Authority}",
            MatchPart.Scheme => $"scheme {facts.Scheme} is not {match.Scheme}",
            MatchPart.Header => $"header {failing} does not hold for {Value((HeaderMatcher)failing!, facts)}",
            _ => $"query {failing} does not hold for {Value((QueryMatcher)failing!, facts)}",
        };
    }

    private static string Match(RouteMatch match, in HttpRequestFacts facts)
    {
        var held = new List<string>();
        Add(match.Path, "path", facts.Path);
        Add(match.Method, "method", facts.Method);
        Add(match.Authority, "host", facts.Authority);
        Add(match.Scheme, "scheme", facts.Scheme);
        foreach (var header in match.Headers)
        {
            held.Add($"header {header} holds for {Value(header, facts)}");
        }

        foreach (var parameter in match.Query)
        {
            held.Add($"query {parameter} holds for {Value(parameter, facts)}");
        }

        return held.Count > 0 ? string.Join(", ", held) : "it asks for nothing";

        void Add(object? matcher, string what, ReadOnlySpan<char> value)
        {
            if (matcher is not null)
            {
                held.Add($"{what} {value} is {matcher}");
            }
        }
    }

    private static string Value(HeaderMatcher header, in HttpRequestFacts facts) =>
        RouteMatching.TryGetHeader(header.Name, facts, [], out var value) ? $"'{value}'" : "a request without it";

    private static string Value(QueryMatcher parameter, in HttpRequestFacts facts) =>
        RouteMatching.TryGetParameter(facts.Query, parameter.Name, out var value) ? $"'{value}'" : "a request without it";

    private static string Outcome(in RouteDecision decision)
    {
        if (decision.Outcome == RouteOutcome.Redirect)
        {
            return string.Create(CultureInfo.InvariantCulture, $"redirected with {decision.Status} to {decision.Location}");
        }

        if (decision.Outcome == RouteOutcome.Respond)
        {
            return string.Create(CultureInfo.InvariantCulture, $"answered with {decision.Status}");
        }

        if (decision.Destination is null)
        {
            return "sent on to the workload that was addressed";
        }

        var share = decision.Route?.Forward is { Backends.Length: > 1 } forward
            ? string.Create(CultureInfo.InvariantCulture, $", whose weight is {decision.Backend!.Weight} of {forward.TotalWeight}")
            : "";
        return string.Create(CultureInfo.InvariantCulture,
            $"sent on to {decision.Destination} port {decision.Port}{(decision.Backend?.Subset is { } subset ? $" subset {subset}" : "")}{share}");
    }

    private static void Extras(in RouteDecision decision, List<string> steps)
    {
        if (decision.Target is { } target)
        {
            steps.Add($"as {target}");
        }

        if (decision.Authority is { } authority)
        {
            steps.Add($"for host {authority}");
        }

        if (decision.Route is not { } route)
        {
            return;
        }

        for (var i = 0; i < route.Mirrors.Length; i++)
        {
            var mirror = route.Mirrors[i];
            steps.Add(string.Create(CultureInfo.InvariantCulture,
                $"{(decision.IsMirrored(i) ? "copied" : "not copied this time")} to {mirror.Service ?? "(no service)"} port {decision.PortOf(mirror)}, which gets {mirror.Share / 10_000.0}%"));
        }

        if (decision.Fault is { Delay: { } delay })
        {
            steps.Add(string.Create(CultureInfo.InvariantCulture, $"delayed by {delay.TotalSeconds} s on purpose"));
        }

        if (decision.Fault is { Aborts: true } fault)
        {
            steps.Add(fault.AbortGrpcStatus is { } grpc
                ? string.Create(CultureInfo.InvariantCulture, $"answered with gRPC status {grpc} on purpose")
                : string.Create(CultureInfo.InvariantCulture, $"answered with {fault.AbortStatus} on purpose"));
        }

        if (decision.Timeout is { } timeout)
        {
            steps.Add(string.Create(CultureInfo.InvariantCulture, $"within {timeout.TotalSeconds} s"));
        }

        if (decision.Outcome == RouteOutcome.Forward && !ReferenceEquals(route.Retry, RetryPolicy.Default))
        {
            steps.Add(route.Retry.Attempts == 0
                ? "without another try if it fails"
                : string.Create(CultureInfo.InvariantCulture, $"with {route.Retry.Attempts} more tries on {route.Retry.Words()}"));
        }
    }

    private static string Missing(in RouteDecision decision) => decision.Route?.Forward switch
    {
        null or { Backends.IsEmpty: true } => ": it names none",
        { TotalWeight: 0 } => ": all weights are 0",
        _ => ": this share's does not exist",
    };
}
