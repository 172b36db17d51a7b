using System.Collections.Immutable;
using System.Text.RegularExpressions;

namespace Ambient.Mesh.Http;

/// <summary>
/// Decides what becomes of a request.
/// <code>
/// service ─1─ known? ───────────────────────────────── 503
///    │
///    2─ routes for the port? ── none ───────────────── on to the service itself
///    │
///    3─ the first rule that matches ── none ────────── 404
///    │
///    4─ redirect, or an answer of its own ──────────── that
///    │
///    5─ a backend by weight ── none ────────────────── 500
///    │
///    6─ rewritten, mirrored, faults drawn ──────────── on to the backend
/// </code>
/// </summary>
public static class HttpRouter
{
    /// <summary>Shares are counted in millionths.</summary>
    private const int Whole = 1_000_000;

    /// <summary>Decides. The same snapshot, request and random numbers give the same answer.</summary>
    /// <param name="waypoint">What the waypoint knows.</param>
    /// <param name="serviceKey">The service that was addressed; null where a workload was.</param>
    /// <param name="facts">The request.</param>
    /// <param name="random">For weights and shares.</param>
    public static RouteDecision Decide(WaypointSnapshot waypoint, string? serviceKey, in HttpRequestFacts facts, Random random)
    {
        var port = facts.Connection.DestinationPort;
        if (serviceKey is null)
        {
            return new RouteDecision { Outcome = RouteOutcome.Forward, Match = -1, Port = port, RequestPort = port, Traffic = TrafficPolicy.Default };
        }

        // 1. What is not known may not be guessed: its policies and routes could refuse.
        if (waypoint.FindService(serviceKey) is not { Bound: true } service)
        {
            return Refuse(RouteOutcome.UnknownService, 503);
        }

        // 2. and 3.
        var any = false;
        foreach (var route in service.Routes)
        {
            if (!route.IsFor(port))
            {
                continue;
            }

            any = true;
            try
            {
                if (RouteMatching.Matches(route, facts, out var match))
                {
                    return Take(waypoint, service, route, match, facts, random);
                }
            }
            catch (RegexMatchTimeoutException)
            {
                // To go on to the next rule could be to pass over one that refuses.
                return Refuse(RouteOutcome.Undecided, 500, service, route);
            }
        }

        return any ? Refuse(RouteOutcome.NoRoute, 404, service) : new RouteDecision
        {
            Outcome = RouteOutcome.Forward,
            Service = service,
            Match = -1,
            Destination = service.Key,
            Port = port,
            RequestPort = port,
            Traffic = service.TrafficFor(port),
        };
    }

    private static RouteDecision Refuse(RouteOutcome outcome, int status, HttpService? service = null, HttpRoute? route = null, int match = -1) => new()
    {
        Outcome = outcome,
        Service = service,
        Route = route,
        Match = match,
        Status = status,
        Traffic = TrafficPolicy.Default,
    };

    private static RouteDecision Take(
        WaypointSnapshot waypoint, HttpService service, HttpRoute route, int match, in HttpRequestFacts facts, Random random)
    {
        var matcher = match < 0 ? null : route.Matches[match].Path;

        // 4.
        if (route.Forward is not { } forward)
        {
            return new RouteDecision
            {
                Outcome = route.Redirect is null ? RouteOutcome.Respond : RouteOutcome.Redirect,
                Service = service,
                Route = route,
                Match = match,
                Traffic = TrafficPolicy.Default,
                Status = route.Redirect?.Status ?? route.Response!.Status,
                Location = route.Redirect is { } redirect ? RequestTarget.Location(redirect, matcher, facts) : null,
            };
        }

        // 5.
        var fault = Draw(route.Fault, random);
        if (Draw(forward, random) is not { Service: { } destination } backend)
        {
            return Refuse(RouteOutcome.NoBackend, 500, service, route, match) with { Fault = fault };
        }

        // 6.
        var config = waypoint.FindService(destination);
        var asked = facts.Connection.DestinationPort;
        var port = backend.Port == 0 ? asked : backend.Port;
        return new RouteDecision
        {
            Outcome = RouteOutcome.Forward,
            Service = service,
            Route = route,
            Match = match,
            Backend = backend,
            Destination = destination,
            Port = port,
            RequestPort = asked,
            Traffic = config?.TrafficFor(port, backend.Subset) ?? TrafficPolicy.Default,
            Subset = backend.Subset is { } subset ? config?.FindSubset(subset)?.Workloads ?? ImmutableHashSet<string>.Empty : null,
            Target = forward.Path is { } change ? RequestTarget.Rewrite(change, matcher, facts.Path, facts.Query) : null,
            Authority = backend.RequestHeaders?.Authority ?? route.RequestHeaders?.Authority ?? forward.Authority,
            Mirrored = Draw(route.Mirrors, random),
            Fault = fault,
        };
    }

    private static Backend? Draw(ForwardAction forward, Random random)
    {
        if (forward.TotalWeight == 0)
        {
            return null;
        }

        var ticket = forward.Backends.Length == 1 ? 0 : (ulong)random.NextInt64((long)forward.TotalWeight);
        foreach (var backend in forward.Backends)
        {
            if (ticket < backend.Weight)
            {
                return backend;
            }

            ticket -= backend.Weight;
        }

        return null;
    }

    private static uint Draw(ImmutableArray<Mirror> mirrors, Random random)
    {
        uint drawn = 0;
        for (var i = 0; i < mirrors.Length; i++)
        {
            if (Falls(mirrors[i].Share, random))
            {
                drawn |= 1u << i;
            }
        }

        return drawn;
    }

    private static InjectedFault Draw(FaultPolicy? fault, Random random)
    {
        if (fault is null)
        {
            return default;
        }

        TimeSpan? delay = fault.Delay > TimeSpan.Zero && Falls(fault.DelayShare, random) ? fault.Delay : null;
        return Falls(fault.AbortShare, random)
            ? new InjectedFault(delay, fault.AbortStatus, fault.AbortGrpcStatus)
            : new InjectedFault(delay, 0, null);
    }

    private static bool Falls(uint share, Random random) => share >= Whole || (share > 0 && random.Next(Whole) < share);
}
