using Ambient.Api.Kubernetes;
using Ambient.Api.Security;

namespace Ambient.ControlPlane.Policies;

/// <summary>One rule of a policy as a node proxy can hold it.</summary>
/// <param name="Rule">Null where it has to be left out.</param>
/// <param name="Unsupported">The fields that it cannot evaluate.</param>
internal sealed record ConvertedRule(Rule? Rule, IReadOnlyList<string> Unsupported)
{
    /// <summary>
    /// Whether it can ever apply: a clause whose every match is empty never holds, and all clauses must.
    /// </summary>
    public bool CanApply => Rule is not null && Rule.Clauses.All(clause => clause.Matches.Any(match => match.CalculateSize() > 0));
}

/// <summary>
/// AuthorizationPolicy rule → WDS rule. Clauses are ANDed, matches within one ORed, fields within a match ANDed; the order is
/// to, from, then each condition.
/// </summary>
internal sealed class RuleConversion(bool deny, string ns)
{
    private readonly List<string> _unsupported = [];
    private bool _unreadable;

    /// <summary>
    /// Converts one rule. An ALLOW rule that cannot be evaluated in full is left out: fewer are allowed. In a DENY rule what
    /// cannot be evaluated is dropped and the rest holds: more are denied.
    /// </summary>
    public static ConvertedRule Convert(AuthorizationRule rule, bool deny, string ns) =>
        new RuleConversion(deny, ns).Convert(rule);

    private ConvertedRule Convert(AuthorizationRule rule)
    {
        var converted = new Rule();
        if (rule.To is { Count: > 0 })
        {
            Add(converted, rule.To.Select(to => Operation(to.Operation)));
        }

        if (rule.From is { Count: > 0 })
        {
            Add(converted, rule.From.Select(from => Source(from.Source)));
        }

        foreach (var condition in rule.When ?? [])
        {
            Add(converted, [When(condition)]);
        }

        var leftOut = !deny && (_unsupported.Count > 0 || _unreadable);
        return new ConvertedRule(leftOut ? null : converted, [.. _unsupported.Distinct()]);
    }

    /// <summary>
    /// Adds a clause. Where one of its alternatives is null, nothing of it could be read: in a DENY rule such a clause is left
    /// out as a whole, for an empty match would never hold and so deny nobody.
    /// </summary>
    private static void Add(Rule rule, IEnumerable<Match?> alternatives)
    {
        Match?[] matches = [.. alternatives];
        if (matches.All(match => match is not null))
        {
            rule.Clauses.Add(new Clause { Matches = { matches } });
        }
    }

    private Match? Operation(RuleOperation? operation)
    {
        if (operation is null)
        {
            return Unreadable();
        }

        _unsupported.AddRange(RuleAttributes.Unsupported(operation));
        var match = new Match();
        var readable = Ports(operation.Ports, match.DestinationPorts) & Ports(operation.NotPorts, match.NotDestinationPorts);
        return Checked(match, readable);
    }

    private Match? Source(RuleSource? source)
    {
        if (source is null)
        {
            return Unreadable();
        }

        _unsupported.AddRange(RuleAttributes.Unsupported(source));
        var match = new Match();
        Strings(source.Namespaces, match.Namespaces);
        Strings(source.NotNamespaces, match.NotNamespaces);
        Strings(source.Principals, match.Principals);
        Strings(source.NotPrincipals, match.NotPrincipals);
        Strings(TrustDomains.AsPrincipals(source), match.Principals);
        Strings(TrustDomains.AsNotPrincipals(source), match.NotPrincipals);
        var readable = Blocks(source.IpBlocks, match.SourceIps)
            & Blocks(source.NotIpBlocks, match.NotSourceIps)
            & ServiceAccounts(source.ServiceAccounts, match.ServiceAccounts)
            & ServiceAccounts(source.NotServiceAccounts, match.NotServiceAccounts);
        return Checked(match, readable);
    }

    private Match? When(RuleCondition condition)
    {
        var match = new Match();
        switch (condition.Key)
        {
            case "source.ip":
                return Checked(match, Blocks(condition.Values, match.SourceIps) & Blocks(condition.NotValues, match.NotSourceIps));
            case "destination.ip":
                return Checked(match, Blocks(condition.Values, match.DestinationIps) & Blocks(condition.NotValues, match.NotDestinationIps));
            case "destination.port":
                return Checked(match, Ports(condition.Values, match.DestinationPorts) & Ports(condition.NotValues, match.NotDestinationPorts));
            case "source.namespace":
                Strings(condition.Values, match.Namespaces);
                Strings(condition.NotValues, match.NotNamespaces);
                return match;
            case "source.principal":
                Strings(condition.Values, match.Principals);
                Strings(condition.NotValues, match.NotPrincipals);
                return match;
            default:
                _unsupported.Add("when." + condition.Key);
                return match;
        }
    }

    private static void Strings(IReadOnlyList<string>? values, ICollection<StringMatch> into)
    {
        foreach (var value in values ?? [])
        {
            into.Add(PolicyValues.Match(value));
        }
    }

    private static bool Ports(IReadOnlyList<string>? values, ICollection<uint> into) =>
        Read(values, into, (string text, out uint port) => PolicyValues.TryPort(text, out port));

    private static bool Blocks(IReadOnlyList<string>? values, ICollection<Address> into) =>
        Read(values, into, (string text, out Address block) => PolicyValues.TryBlock(text, out block));

    private bool ServiceAccounts(IReadOnlyList<string>? values, ICollection<ServiceAccountMatch> into) =>
        Read(values, into, (string text, out ServiceAccountMatch match) => PolicyValues.TryServiceAccount(text, ns, out match));

    private delegate bool Reader<T>(string text, out T value);

    /// <summary>Reads all values or none: half a list of exceptions, or of permissions, is another policy.</summary>
    private static bool Read<T>(IReadOnlyList<string>? values, ICollection<T> into, Reader<T> reader)
    {
        foreach (var value in values ?? [])
        {
            if (!reader(value, out var read))
            {
                into.Clear();
                return false;
            }

            into.Add(read);
        }

        return true;
    }

    private Match? Checked(Match match, bool readable)
    {
        if (readable)
        {
            return match;
        }

        _unreadable = true;
        return match.CalculateSize() == 0 ? null : match;
    }

    private Match? Unreadable()
    {
        _unreadable = true;
        return null;
    }
}
