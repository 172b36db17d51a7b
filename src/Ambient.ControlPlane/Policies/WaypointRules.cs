using Ambient.Api.Kubernetes;
using Ambient.Api.Security;
using Proto = Ambient.Api.Waypoints;

namespace Ambient.ControlPlane.Policies;

/// <summary>One rule of a policy as a waypoint can hold it.</summary>
/// <param name="Rule">Null where it has to be left out.</param>
/// <param name="Unsupported">The fields that it cannot evaluate, with what becomes of them.</param>
internal sealed record WaypointRule(Proto.AuthorizationRule? Rule, IReadOnlyList<string> Unsupported);

/// <summary>
/// AuthorizationPolicy rule → rule of a waypoint. Where a part of a rule cannot be evaluated or read, a rule that allows is left out:
/// fewer are allowed. In a rule that denies the part is dropped and the rest holds: more are denied.
/// </summary>
/// <param name="narrow">Whether the rule allows, so that fewer requests rather than more must match what cannot be held exactly.</param>
/// <param name="ns">The policy's namespace.</param>
/// <param name="at">Where the rule stands.</param>
internal sealed class WaypointRules(bool narrow, string ns, string at)
{
    private readonly List<string> _unsupported = [];
    private bool _inexact;

    public static IEnumerable<WaypointRule> Convert(AuthorizationRule rule, bool narrow, string ns, string at)
    {
        var rules = new WaypointRules(narrow, ns, at);
        var converted = rules.Convert(rule);
        yield return new WaypointRule(rules._inexact && narrow ? null : converted, rules._unsupported);
    }

    private Proto.AuthorizationRule Convert(AuthorizationRule rule)
    {
        var converted = new Proto.AuthorizationRule();
        Add(converted.From, rule.From, (from, index) => Source(from.Source, $"from[{index}].source"));
        Add(converted.To, rule.To, (to, index) => Operation(to.Operation, $"to[{index}].operation"));
        foreach (var (condition, index) in (rule.When ?? []).Select((condition, index) => (condition, index)))
        {
            if (Condition(condition, $"when[{index}]") is { } readable)
            {
                converted.When.Add(readable);
            }
        }

        return converted;
    }

    /// <summary>
    /// Adds alternatives. One that says nothing any more, because nothing of it could be held, stands for all: then the list, which
    /// would have named some, is left empty.
    /// </summary>
    private static void Add<TFrom, TTo>(ICollection<TTo> into, IReadOnlyList<TFrom>? from, Func<TFrom, int, TTo?> convert)
        where TTo : class, Google.Protobuf.IMessage
    {
        TTo?[] converted = [.. (from ?? []).Select(convert)];
        if (converted.All(item => item?.CalculateSize() > 0))
        {
            foreach (var item in converted)
            {
                into.Add(item!);
            }
        }
    }

    private Proto.Source? Source(RuleSource? source, string where)
    {
        if (source is null)
        {
            _inexact = true;
            return null;
        }

        Unsupported(source.RemoteIpBlocks, $"{where}.remoteIpBlocks", "ipBlocks, the address of the connection; headers do not decide here");
        Unsupported(source.NotRemoteIpBlocks, $"{where}.notRemoteIpBlocks", "notIpBlocks");
        var converted = new Proto.Source();
        Texts(source.Principals, converted.Principals);
        Texts(source.NotPrincipals, converted.NotPrincipals);
        Texts(source.Namespaces, converted.Namespaces);
        Texts(source.NotNamespaces, converted.NotNamespaces);
        Texts(source.RequestPrincipals, converted.RequestPrincipals);
        Texts(source.NotRequestPrincipals, converted.NotRequestPrincipals);
        TrustDomain(TrustDomains.AsPrincipals(source), source.TrustDomains, converted.Principals, $"{where}.trustDomains");
        TrustDomain(TrustDomains.AsNotPrincipals(source), source.NotTrustDomains, converted.NotPrincipals, $"{where}.notTrustDomains");
        Read(source.IpBlocks, converted.Ips, PolicyValues.TryBlock);
        Read(source.NotIpBlocks, converted.NotIps, PolicyValues.TryBlock);
        Read(source.ServiceAccounts, converted.ServiceAccounts, TryAccount);
        Read(source.NotServiceAccounts, converted.NotServiceAccounts, TryAccount);
        return converted;
    }

    private Proto.Operation? Operation(RuleOperation? operation, string where)
    {
        if (operation is null)
        {
            _inexact = true;
            return null;
        }

        var converted = new Proto.Operation();
        Texts(operation.Hosts, converted.Hosts);
        Texts(operation.NotHosts, converted.NotHosts);
        Texts(operation.Methods, converted.Methods);
        Texts(operation.NotMethods, converted.NotMethods);
        Read(operation.Ports, converted.Ports, PolicyValues.TryPort);
        Read(operation.NotPorts, converted.NotPorts, PolicyValues.TryPort);
        Read(operation.Paths, converted.Paths, TryPath);
        Read(operation.NotPaths, converted.NotPaths, TryPath);
        return converted;
    }

    private Proto.Condition? Condition(RuleCondition condition, string where)
    {
        var converted = new Proto.Condition { Key = condition.Key ?? "" };
        switch (condition.Key)
        {
            case "source.ip" or "destination.ip":
                Read(condition.Values, converted.Ips, PolicyValues.TryBlock);
                Read(condition.NotValues, converted.NotIps, PolicyValues.TryBlock);
                break;
            case "destination.port":
                Read(condition.Values, converted.Ports, PolicyValues.TryPort);
                Read(condition.NotValues, converted.NotPorts, PolicyValues.TryPort);
                break;
            case "source.serviceAccount":
                Read(condition.Values, converted.Values, TryAccountText);
                Read(condition.NotValues, converted.NotValues, TryAccountText);
                break;
            case "source.trustDomain":
                converted.Key = "source.principal";
                TrustDomain(TrustDomains.Said(condition.Values), condition.Values, converted.Values, $"{where}.values");
                TrustDomain(TrustDomains.Said(condition.NotValues), condition.NotValues, converted.NotValues, $"{where}.notValues");
                break;
            case "source.namespace" or "source.principal" or "connection.sni":
            case { } key when key.StartsWith("request.headers[", StringComparison.Ordinal) || key.StartsWith("request.auth.", StringComparison.Ordinal):
                Texts(condition.Values, converted.Values);
                Texts(condition.NotValues, converted.NotValues);
                break;
            case "remote.ip":
                Unsupported([""], where, "source.ip, the address of the connection; headers do not decide here");
                return null;
            default:
                Unsupported([""], where, "an attribute that waypoints know");
                return null;
        }

        // Without a value left it would hold for nobody, which is not what a rule that denies may come to.
        return SaysSomething(converted) ? converted : null;
    }

    private static bool SaysSomething(Proto.Condition condition) =>
        condition.Values.Count + condition.NotValues.Count + condition.Ips.Count + condition.NotIps.Count + condition.Ports.Count + condition.NotPorts.Count > 0;

    private void Unsupported(IReadOnlyList<string>? values, string field, string instead)
    {
        if (values is { Count: > 0 })
        {
            _inexact = true;
            _unsupported.Add($"{at}.{field} is not evaluated, so that the rule {(narrow ? "is left out: it allows nothing" : "denies without it: it denies more")}. Use {instead}");
        }
    }

    private void TrustDomain(IReadOnlyList<string>? principals, IReadOnlyList<string>? said, ICollection<StringMatch> into, string field)
    {
        Texts(principals, into);
        Unsupported(principals is null ? said : null, field, "principals");
    }

    private static void Texts(IReadOnlyList<string>? values, ICollection<StringMatch> into)
    {
        foreach (var value in values ?? [])
        {
            into.Add(PolicyValues.Match(value));
        }
    }

    private delegate bool Reader<T>(string text, out T value);

    /// <summary>Reads all values or none: half a list of exceptions, or of permissions, is another policy.</summary>
    private void Read<T>(IReadOnlyList<string>? values, ICollection<T> into, Reader<T> reader)
    {
        foreach (var value in values ?? [])
        {
            if (!reader(value, out var read))
            {
                into.Clear();
                _inexact = true;
                return;
            }

            into.Add(read);
        }
    }

    private bool TryAccount(string text, out ServiceAccountMatch match) => PolicyValues.TryServiceAccount(text, ns, out match);

    private bool TryAccountText(string text, out StringMatch match)
    {
        var readable = PolicyValues.TryServiceAccount(text, ns, out var account);
        match = new StringMatch { Exact = $"{account.Namespace}/{account.ServiceAccount}" };
        return readable;
    }

    private static bool TryPath(string text, out Proto.PathPattern pattern)
    {
        var template = PolicyValues.IsTemplate(text);
        pattern = template ? new Proto.PathPattern { Template = text } : new Proto.PathPattern { Text = PolicyValues.Match(text) };
        return !template || PolicyValues.TemplateProblem(text) is null;
    }
}
