using System.Collections.Immutable;
using Ambient.Mesh.Model;
using Ambient.Mesh.State;

namespace Ambient.Mesh.Authorization;

/// <summary>
/// Decides whether a workload takes a connection. The order is Istio's: what dry run would deny is noted; any policy
/// that denies ends it; what dry run would allow is noted; without policies that allow, everything else may pass;
/// with them, one has to match.
/// </summary>
public static class Authorizer
{
    /// <summary>Evaluates all policies that apply to a workload. Allocates nothing for principals of usual length.</summary>
    public static Verdict Evaluate(MeshSnapshot mesh, Workload workload, in ConnectionFacts facts)
    {
        var evaluation = new Evaluation(facts, stackalloc char[Evaluation.UsualPrincipal]);
        var applicable = new ApplicablePolicies(mesh, workload);
        var (dryRun, dryRunPolicy) = EvaluateDryRun(applicable, evaluation);

        if (First(applicable, evaluation, PolicyAction.Deny, dryRun: false, out var denied, out var rule, out _))
        {
            return new Verdict(false, VerdictReason.DeniedByPolicy, denied, rule, null, dryRun, dryRunPolicy);
        }

        // A policy that cannot be evaluated could be one that denies.
        if (applicable.UnknownKey is { } unknown)
        {
            return new Verdict(false, VerdictReason.UnknownPolicy, null, -1, unknown, dryRun, dryRunPolicy);
        }

        if (First(applicable, evaluation, PolicyAction.Allow, dryRun: false, out var allowed, out rule, out var any))
        {
            return new Verdict(true, VerdictReason.AllowedByPolicy, allowed, rule, null, dryRun, dryRunPolicy);
        }

        return any
            ? new Verdict(false, VerdictReason.NotAllowed, null, -1, null, dryRun, dryRunPolicy)
            : new Verdict(true, VerdictReason.NoAllowPolicies, null, -1, null, dryRun, dryRunPolicy);
    }

    private static (DryRunOutcome Outcome, Policy? Policy) EvaluateDryRun(
        ApplicablePolicies applicable, in Evaluation evaluation)
    {
        if (First(applicable, evaluation, PolicyAction.Deny, dryRun: true, out var denies, out _, out _))
        {
            return (DryRunOutcome.WouldDeny, denies);
        }

        if (First(applicable, evaluation, PolicyAction.Allow, dryRun: true, out var allows, out _, out var any))
        {
            return (DryRunOutcome.WouldAllow, allows);
        }

        return (any ? DryRunOutcome.WouldNotAllow : DryRunOutcome.None, null);
    }

    /// <summary>The first policy of a kind that matches; <paramref name="any"/> tells whether there is one of the kind at all.</summary>
    private static bool First(
        ApplicablePolicies applicable, in Evaluation evaluation, PolicyAction action, bool dryRun,
        out Policy? policy, out int rule, out bool any)
    {
        any = false;
        for (var i = 0; i < applicable.Count; i++)
        {
            if (applicable[i] is not { } candidate || candidate.Action != action || candidate.DryRun != dryRun)
            {
                continue;
            }

            any = true;
            if (evaluation.Matches(candidate, out rule))
            {
                policy = candidate;
                return true;
            }
        }

        policy = null;
        rule = -1;
        return false;
    }
}

/// <summary>The policies of a workload: those of its namespace, those of the mesh, those that it names, in this order.</summary>
internal readonly struct ApplicablePolicies(MeshSnapshot mesh, Workload workload)
{
    private readonly ImmutableArray<Policy> _namespace = mesh.PoliciesOf(workload.Namespace);
    private readonly ImmutableArray<Policy> _global = mesh.GlobalPolicies;
    private readonly ImmutableArray<string> _named = workload.AuthorizationPolicies;

    public int Count => _namespace.Length + _global.Length + _named.Length;

    /// <summary>The first key that the workload names and nobody knows.</summary>
    public string? UnknownKey
    {
        get
        {
            foreach (var key in _named)
            {
                if (!mesh.Policies.ContainsKey(key))
                {
                    return key;
                }
            }

            return null;
        }
    }

    /// <summary>A policy; null where the workload names one that is not known.</summary>
    public Policy? this[int index]
    {
        get
        {
            if (index < _namespace.Length)
            {
                return _namespace[index];
            }

            index -= _namespace.Length;
            return index < _global.Length
                ? _global[index]
                : mesh.Policies.GetValueOrDefault(_named[index - _global.Length]);
        }
    }
}
