using Ambient.Mesh.Authorization;

namespace Ambient.Mesh.Http;

/// <summary>
/// Decides whether a waypoint lets a request, or a connection that is not HTTP, go on. The order is Istio's: what is audited is noted; any policy
/// that denies ends it; without policies that allow, everything else may pass; with them, one has to match. Policies of the waypoint and
/// of the service count alike. What dry run would have done is noted.
/// </summary>
public static class HttpAuthorizer
{
    /// <summary>Evaluates all policies for a request. Allocates nothing for principals and header values of usual length.</summary>
    /// <param name="waypoint">What the waypoint knows.</param>
    /// <param name="serviceKey">The service that was addressed; null where a workload was.</param>
    /// <param name="facts">The request.</param>
    public static HttpVerdict Evaluate(WaypointSnapshot waypoint, string? serviceKey, in HttpRequestFacts facts)
    {
        if (waypoint.PoliciesFor(serviceKey) is not { } policies)
        {
            return Unknown(serviceKey);
        }

        return policies.IsEmpty
            ? Free
            : Decide(policies, new HttpEvaluation(facts, stackalloc char[Evaluation.UsualPrincipal]));
    }

    /// <summary>Evaluates all policies for a connection that is not HTTP: by what is known of it.</summary>
    /// <param name="waypoint">What the waypoint knows.</param>
    /// <param name="serviceKey">The service that was addressed; null where a workload was.</param>
    /// <param name="facts">The connection.</param>
    /// <param name="sni">The server name that its TLS asks for; null where none is seen.</param>
    public static HttpVerdict EvaluateConnection(WaypointSnapshot waypoint, string? serviceKey, in ConnectionFacts facts, string? sni = null)
    {
        if (waypoint.PoliciesFor(serviceKey) is not { } policies)
        {
            return Unknown(serviceKey);
        }

        return policies.IsEmpty
            ? Free
            : Decide(policies, new HttpEvaluation(facts, sni, stackalloc char[Evaluation.UsualPrincipal]));
    }

    private static HttpVerdict Free { get; } = new(true, HttpVerdictReason.NoAllowPolicies, null, -1, null, null, DryRunOutcome.None, null);

    private static HttpVerdict Unknown(string? serviceKey) =>
        new(false, HttpVerdictReason.UnknownConfiguration, null, -1, serviceKey, null, DryRunOutcome.None, null);

    private static HttpVerdict Decide(PolicySet policies, in HttpEvaluation evaluation)
    {
        var audited = evaluation.First(policies.Audit, out _);
        var (dryRun, dryRunPolicy) = DryRun(policies, evaluation);

        if (evaluation.First(policies.Deny, out var rule) is { } denied)
        {
            return new HttpVerdict(false, HttpVerdictReason.DeniedByPolicy, denied, rule, null, audited, dryRun, dryRunPolicy);
        }

        // A policy that cannot be evaluated could be one that denies.
        if (policies.UnknownKey is { } unknown)
        {
            return new HttpVerdict(false, HttpVerdictReason.UnknownPolicy, null, -1, unknown, audited, dryRun, dryRunPolicy);
        }

        if (policies.Allow.IsEmpty)
        {
            return Free with { Audited = audited, DryRun = dryRun, DryRunPolicy = dryRunPolicy };
        }

        return evaluation.First(policies.Allow, out rule) is { } allowed
            ? new HttpVerdict(true, HttpVerdictReason.AllowedByPolicy, allowed, rule, null, audited, dryRun, dryRunPolicy)
            : new HttpVerdict(false, HttpVerdictReason.NotAllowed, null, -1, null, audited, dryRun, dryRunPolicy);
    }

    private static (DryRunOutcome Outcome, HttpPolicy? Policy) DryRun(PolicySet policies, in HttpEvaluation evaluation)
    {
        if (evaluation.First(policies.DryRunDeny, out _) is { } denies)
        {
            return (DryRunOutcome.WouldDeny, denies);
        }

        if (policies.DryRunAllow.IsEmpty)
        {
            return (DryRunOutcome.None, null);
        }

        return evaluation.First(policies.DryRunAllow, out _) is { } allows
            ? (DryRunOutcome.WouldAllow, allows)
            : (DryRunOutcome.WouldNotAllow, null);
    }
}
