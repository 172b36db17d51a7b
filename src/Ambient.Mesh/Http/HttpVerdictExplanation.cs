using System.Collections.Immutable;
using System.Globalization;
using Ambient.Mesh.Authorization;

namespace Ambient.Mesh.Http;

/// <summary>
/// Says why a verdict came out as it did: the policy, the rule and the attributes that decided, or, where nothing allowed, what came nearest. Made
/// only when somebody asks (a refusal's log line, <c>explain</c>), by the same matching.
/// </summary>
public static class HttpVerdictExplanation
{
    /// <summary>One line, for logs: <c>explicitly denied by: ns/name (rule 0: method DELETE is one of [DELETE])</c>.</summary>
    public static string Render(WaypointSnapshot waypoint, string? serviceKey, in HttpRequestFacts facts, in HttpVerdict verdict) =>
        Render(waypoint, serviceKey, verdict, new HttpEvaluation(facts, stackalloc char[Evaluation.UsualPrincipal]));

    /// <summary>The same for a connection that is not HTTP.</summary>
    public static string RenderConnection(
        WaypointSnapshot waypoint, string? serviceKey, in ConnectionFacts facts, in HttpVerdict verdict, string? sni = null) =>
        Render(waypoint, serviceKey, verdict, new HttpEvaluation(facts, sni, stackalloc char[Evaluation.UsualPrincipal]));

    /// <summary>What is noted beside the verdict: the policy that audits, and what dry run would have done; empty where nothing is.</summary>
    public static string RenderNotes(in HttpVerdict verdict)
    {
        var audit = verdict.Audited is { } policy ? $"audited by: {policy.Key}" : "";
        var dryRun = verdict.DryRun switch
        {
            DryRunOutcome.WouldDeny => $"dry run: {verdict.DryRunPolicy!.Key} would deny",
            DryRunOutcome.WouldAllow => $"dry run: {verdict.DryRunPolicy!.Key} would allow",
            DryRunOutcome.WouldNotAllow => "dry run: no policy in dry run would allow",
            _ => "",
        };
        return audit.Length > 0 && dryRun.Length > 0 ? $"{audit}; {dryRun}" : audit + dryRun;
    }

    private static string Render(WaypointSnapshot waypoint, string? serviceKey, in HttpVerdict verdict, in HttpEvaluation evaluation) =>
        verdict.Reason switch
        {
            HttpVerdictReason.NoAllowPolicies => "allowed: no policy that allows applies, and none denies",
            HttpVerdictReason.AllowedByPolicy => $"allowed by: {Rule(verdict, evaluation)}",
            HttpVerdictReason.DeniedByPolicy => $"explicitly denied by: {Rule(verdict, evaluation)}",
            HttpVerdictReason.UnknownPolicy =>
                $"policy {verdict.UnknownKey} targets the service or the waypoint but has not been received, so nothing is allowed; check the control plane",
            HttpVerdictReason.UnknownConfiguration => waypoint.Waypoint is null
                ? "the waypoint's own configuration has not been received, so nothing is allowed; check the control plane"
                : $"service {serviceKey} is not served by this waypoint, or its configuration has not been received",
            _ => $"allow policies exist, but none allowed ({Nearest(waypoint.PoliciesFor(serviceKey)?.Allow ?? [], evaluation)})",
        };

    /// <summary>The policy, the rule, and all that made the rule hold.</summary>
    private static string Rule(in HttpVerdict verdict, in HttpEvaluation evaluation)
    {
        var rule = verdict.Policy!.Rules[verdict.RuleIndex];
        var words = new List<string>();
        foreach (var clause in Clauses(rule, evaluation))
        {
            words.AddRange(clause.Find(alternative => alternative.TrueForAll(one => one.Holds))?.Select(one => one.Words) ?? []);
        }

        var what = words.Count > 0 ? string.Join(", ", words)
            : rule.NeedsHttp ? "what it asks of HTTP cannot be told of this connection"
            : "matches everything";
        return string.Create(CultureInfo.InvariantCulture, $"{verdict.Policy.Key} (rule {verdict.RuleIndex}: {what})");
    }

    /// <summary>The rule with the fewest clauses that fail, and the attribute at which its first failing clause broke.</summary>
    private static string Nearest(ImmutableArray<HttpPolicy> policies, in HttpEvaluation evaluation)
    {
        var nearest = "";
        var fewest = int.MaxValue;
        foreach (var policy in policies)
        {
            for (var index = 0; index < policy.Rules.Length; index++)
            {
                var rule = policy.Rules[index];
                var failing = Clauses(rule, evaluation).FindAll(clause => !clause.Exists(alternative => alternative.TrueForAll(one => one.Holds)));
                if (failing.Count >= fewest)
                {
                    continue;
                }

                fewest = failing.Count;
                var words = !evaluation.IsHttp && rule.NeedsHttp
                    ? "it asks for HTTP, which this connection is not"
                    : failing[0].MaxBy(alternative => alternative.FindIndex(one => !one.Holds))!.Find(one => !one.Holds).Words;
                nearest = string.Create(CultureInfo.InvariantCulture, $"nearest: {policy.Key} rule {index}: {words}");
            }
        }

        return nearest.Length > 0 ? nearest : $"nearest: {policies[0].Key} has no rules and so allows nothing";
    }

    /// <summary>A rule's clauses (from, to, each when), each with its alternatives, each with the sentences of its attributes.</summary>
    private static List<List<List<(string Words, bool Holds)>>> Clauses(HttpRule rule, in HttpEvaluation evaluation)
    {
        var clauses = new List<List<List<(string, bool)>>>();
        if (!rule.From.IsEmpty)
        {
            var sources = new List<List<(string, bool)>>();
            foreach (var source in rule.From)
            {
                sources.Add(HttpWords.Of(source, evaluation));
            }

            clauses.Add(sources);
        }

        if (!rule.To.IsEmpty)
        {
            var operations = new List<List<(string, bool)>>();
            foreach (var operation in rule.To)
            {
                operations.Add(HttpWords.Of(operation, evaluation));
            }

            clauses.Add(operations);
        }

        foreach (var condition in rule.When)
        {
            clauses.Add([HttpWords.Of(condition, evaluation)]);
        }

        return clauses;
    }
}
