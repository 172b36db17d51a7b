using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Ambient.Mesh.Model;
using Ambient.Mesh.State;

namespace Ambient.Mesh.Authorization;

/// <summary>
/// Says why a verdict came out as it did: the policy, the rule and the attribute that decided, or, where nothing
/// allowed, what came nearest. Made only when somebody asks (a refusal's log line, <c>explain</c>), by the same matching.
/// </summary>
public static class VerdictExplanation
{
    /// <summary>One line, for logs: <c>explicitly denied by: ns/name (rule 0: destination port 9999 is one of [9999])</c>.</summary>
    public static string Render(MeshSnapshot mesh, Workload workload, in ConnectionFacts facts, in Verdict verdict) =>
        verdict.Reason switch
        {
            VerdictReason.NoAllowPolicies => "allowed: no policy that allows applies to the workload, and none denies",
            VerdictReason.AllowedByPolicy => $"allowed by: {verdict.Policy!.Key} ({Rule(verdict, facts)})",
            VerdictReason.DeniedByPolicy => $"explicitly denied by: {verdict.Policy!.Key} ({Rule(verdict, facts)})",
            VerdictReason.UnknownPolicy =>
                $"policy {verdict.UnknownKey} selects the workload but has not been received, so nothing is allowed; check the control plane",
            _ => $"allow policies exist, but none allowed ({Nearest(mesh, workload, facts)})",
        };

    /// <summary>What policies in dry run would have done; empty where they have no opinion.</summary>
    public static string RenderDryRun(in Verdict verdict) => verdict.DryRun switch
    {
        DryRunOutcome.WouldDeny => $"dry run: {verdict.DryRunPolicy!.Key} would deny",
        DryRunOutcome.WouldAllow => $"dry run: {verdict.DryRunPolicy!.Key} would allow",
        DryRunOutcome.WouldNotAllow => "dry run: no policy in dry run would allow",
        _ => "",
    };

    private static string Rule(in Verdict verdict, in ConnectionFacts facts)
    {
        var evaluation = new Evaluation(facts, stackalloc char[Evaluation.UsualPrincipal]);
        var text = new StringBuilder(string.Create(CultureInfo.InvariantCulture, $"rule {verdict.RuleIndex}: "));
        var before = text.Length;
        foreach (var clause in verdict.Policy!.Rules[verdict.RuleIndex].Clauses)
        {
            foreach (var match in clause.Matches)
            {
                if (!match.IsEmpty && evaluation.Failing(match) == Condition.None)
                {
                    foreach (var condition in Conditions.SetIn(match))
                    {
                        text.Append(text.Length == before ? "" : ", ").Append(Conditions.Describe(condition, match, facts));
                    }

                    break;
                }
            }
        }

        return text.Length == before ? text.Append("matches everything").ToString() : text.ToString();
    }

    /// <summary>The rule with the fewest clauses that fail, and the condition at which its first failing clause broke.</summary>
    private static string Nearest(MeshSnapshot mesh, Workload workload, in ConnectionFacts facts)
    {
        var evaluation = new Evaluation(facts, stackalloc char[Evaluation.UsualPrincipal]);
        var applicable = new ApplicablePolicies(mesh, workload);
        (Policy Policy, int Rule, PolicyClause Clause)? nearest = null;
        var fewest = int.MaxValue;
        Policy? withoutRules = null;
        for (var i = 0; i < applicable.Count; i++)
        {
            if (applicable[i] is not { Action: PolicyAction.Allow, DryRun: false } policy)
            {
                continue;
            }

            withoutRules ??= policy.Rules.IsEmpty ? policy : null;
            for (var rule = 0; rule < policy.Rules.Length; rule++)
            {
                var failing = 0;
                PolicyClause? first = null;
                foreach (var clause in policy.Rules[rule].Clauses)
                {
                    if (!evaluation.Matches(clause))
                    {
                        failing++;
                        first ??= clause;
                    }
                }

                if (first is not null && failing < fewest)
                {
                    fewest = failing;
                    nearest = (policy, rule, first);
                }
            }
        }

        return nearest is { } found
            ? string.Create(CultureInfo.InvariantCulture,
                $"nearest: {found.Policy.Key} rule {found.Rule}: {Failure(found.Clause, evaluation, facts)}")
            : $"nearest: {withoutRules!.Key} has no rules and so allows nothing";
    }

    /// <summary>Why a clause fails: the condition that breaks the match in which most conditions come before it.</summary>
    private static string Failure(PolicyClause clause, in Evaluation evaluation, in ConnectionFacts facts)
    {
        (PolicyMatch? Match, Condition Condition) nearest = default;
        var most = -1;
        foreach (var match in clause.Matches)
        {
            if (match.IsEmpty)
            {
                continue;
            }

            var condition = evaluation.Failing(match);
            var passed = Conditions.SetIn(match).IndexOf(condition);
            if (passed > most)
            {
                most = passed;
                nearest = (match, condition);
            }
        }

        return nearest.Match is { } closest ? Conditions.Describe(nearest.Condition, closest, facts) : "its matches set no condition";
    }
}

/// <summary>The conditions of a match in words.</summary>
internal static class Conditions
{
    /// <summary>The conditions that a match sets, in the order in which they are evaluated.</summary>
    public static ImmutableArray<Condition> SetIn(PolicyMatch match)
    {
        var set = ImmutableArray.CreateBuilder<Condition>();
        Add(match.DestinationPorts.IsEmpty, Condition.DestinationPorts);
        Add(match.NotDestinationPorts.IsEmpty, Condition.NotDestinationPorts);
        Add(match.SourceIps.IsEmpty, Condition.SourceIps);
        Add(match.NotSourceIps.IsEmpty, Condition.NotSourceIps);
        Add(match.DestinationIps.IsEmpty, Condition.DestinationIps);
        Add(match.NotDestinationIps.IsEmpty, Condition.NotDestinationIps);
        Add(match.Namespaces.IsEmpty, Condition.Namespaces);
        Add(match.NotNamespaces.IsEmpty, Condition.NotNamespaces);
        Add(match.Principals.IsEmpty, Condition.Principals);
        Add(match.NotPrincipals.IsEmpty, Condition.NotPrincipals);
        Add(match.ServiceAccounts.IsEmpty, Condition.ServiceAccounts);
        Add(match.NotServiceAccounts.IsEmpty, Condition.NotServiceAccounts);
        return set.ToImmutable();

        void Add(bool absent, Condition condition)
        {
            if (!absent)
            {
                set.Add(condition);
            }
        }
    }

    /// <summary>A condition with the connection's value, true as a sentence whether it held or failed.</summary>
    public static string Describe(Condition condition, PolicyMatch match, in ConnectionFacts facts)
    {
        var (name, value, list, held) = condition switch
        {
            Condition.DestinationPorts => ("destination port", Port(facts), Join(match.DestinationPorts), Contains(match.DestinationPorts, facts)),
            Condition.NotDestinationPorts => ("destination port", Port(facts), Join(match.NotDestinationPorts), Contains(match.NotDestinationPorts, facts)),
            Condition.SourceIps => ("source address", facts.Source.ToString(), Join(match.SourceIps), Contains(match.SourceIps, facts.Source)),
            Condition.NotSourceIps => ("source address", facts.Source.ToString(), Join(match.NotSourceIps), Contains(match.NotSourceIps, facts.Source)),
            Condition.DestinationIps => ("destination address", facts.DestinationAddress.ToString(), Join(match.DestinationIps), Contains(match.DestinationIps, facts.DestinationAddress)),
            Condition.NotDestinationIps => ("destination address", facts.DestinationAddress.ToString(), Join(match.NotDestinationIps), Contains(match.NotDestinationIps, facts.DestinationAddress)),
            Condition.Namespaces => ("source namespace", Namespace(facts), Join(match.Namespaces), Any(match.Namespaces, facts.Identity?.Namespace ?? "")),
            Condition.NotNamespaces => ("source namespace", Namespace(facts), Join(match.NotNamespaces), Any(match.NotNamespaces, facts.Identity?.Namespace ?? "")),
            Condition.Principals => ("principal", Principal(facts), Join(match.Principals), facts.Identity is { } id && Any(match.Principals, id.Principal)),
            Condition.NotPrincipals => ("principal", Principal(facts), Join(match.NotPrincipals), facts.Identity is { } id && Any(match.NotPrincipals, id.Principal)),
            Condition.ServiceAccounts => ("service account", Account(facts), Join(match.ServiceAccounts), HasAccount(match.ServiceAccounts, facts)),
            Condition.NotServiceAccounts => ("service account", Account(facts), Join(match.NotServiceAccounts), HasAccount(match.NotServiceAccounts, facts)),
            _ => ("", "", "", false),
        };
        return $"{name} {value} is {(held ? "one" : "none")} of [{list}]";
    }

    private static string Port(in ConnectionFacts facts) => facts.DestinationPort.ToString(CultureInfo.InvariantCulture);

    private static string Namespace(in ConnectionFacts facts) => facts.Identity?.Namespace ?? "(no identity)";

    private static string Principal(in ConnectionFacts facts) => facts.Identity?.Principal ?? "(no identity)";

    private static string Account(in ConnectionFacts facts) =>
        facts.Identity is { } id ? $"{id.Namespace}/{id.ServiceAccount}" : "(no identity)";

    private static bool Contains(ImmutableArray<ushort> ports, in ConnectionFacts facts) =>
        ports.Contains((ushort)facts.DestinationPort);

    private static bool Contains(ImmutableArray<Cidr> ranges, System.Net.IPAddress address) =>
        ranges.Any(range => range.Contains(address));

    private static bool Any(ImmutableArray<StringMatch> matches, string text) => matches.Any(match => match.Holds(text));

    private static bool HasAccount(ImmutableArray<ServiceAccountMatch> accounts, in ConnectionFacts facts) =>
        facts.Identity is { } id && accounts.Contains(new ServiceAccountMatch(id.Namespace, id.ServiceAccount));

    private static string Join<T>(ImmutableArray<T> values) => string.Join(", ", values);
}
