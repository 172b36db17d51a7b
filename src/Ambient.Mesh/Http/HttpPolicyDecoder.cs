using System.Collections.Immutable;
using System.Globalization;
using Ambient.Mesh.Config;
using Ambient.Mesh.Model;
using Sec = Ambient.Api.Security;
using Way = Ambient.Api.Waypoints;

namespace Ambient.Mesh.Http;

/// <summary>
/// Reads layer-7 policies. A condition that cannot be understood refuses the whole policy: to leave it out would widen what the policy matches. The key then stays
/// unknown, and what names an unknown policy is refused.
/// </summary>
internal static class HttpPolicyDecoder
{
    public static HttpPolicy Decode(string key, Way.Authorization from) => new()
    {
        Key = key,
        Action = from.Action switch
        {
            Way.Authorization.Types.Action.Allow => HttpPolicyAction.Allow,
            Way.Authorization.Types.Action.Deny => HttpPolicyAction.Deny,
            Way.Authorization.Types.Action.Audit => HttpPolicyAction.Audit,
            _ => throw WdsDecoder.Unknown("action", (int)from.Action),
        },
        DryRun = from.DryRun,
        Rules = [.. from.Rules.Select((rule, index) =>
            WaypointDecoder.At(string.Create(CultureInfo.InvariantCulture, $"rules[{index}]"), () => Rule(rule)))],
    };

    private static HttpRule Rule(Way.AuthorizationRule from)
    {
        var rule = new HttpRule
        {
            From = [.. from.From.Select(Source)],
            To = [.. from.To.Select(Operation)],
            When = [.. from.When.Select(Condition)],
        };
        return rule with
        {
            NeedsHttp = rule.From.Any(source => !source.RequestPrincipals.IsEmpty || !source.NotRequestPrincipals.IsEmpty)
                || rule.To.Any(operation => !operation.Hosts.IsEmpty || !operation.NotHosts.IsEmpty || !operation.Methods.IsEmpty
                    || !operation.NotMethods.IsEmpty || !operation.Paths.IsEmpty || !operation.NotPaths.IsEmpty)
                || rule.When.Any(condition => condition.Key is ConditionKey.Header or ConditionKey.Token),
        };
    }

    private static HttpSource Source(Way.Source from) => new()
    {
        Principals = PolicyDecoder.Strings(from.Principals, "principals"),
        NotPrincipals = PolicyDecoder.Strings(from.NotPrincipals, "not_principals"),
        Namespaces = PolicyDecoder.Strings(from.Namespaces, "namespaces"),
        NotNamespaces = PolicyDecoder.Strings(from.NotNamespaces, "not_namespaces"),
        ServiceAccounts = PolicyDecoder.Accounts(from.ServiceAccounts),
        NotServiceAccounts = PolicyDecoder.Accounts(from.NotServiceAccounts),
        Ips = PolicyDecoder.Ranges(from.Ips, "ips"),
        NotIps = PolicyDecoder.Ranges(from.NotIps, "not_ips"),
        RequestPrincipals = PolicyDecoder.Strings(from.RequestPrincipals, "request_principals"),
        NotRequestPrincipals = PolicyDecoder.Strings(from.NotRequestPrincipals, "not_request_principals"),
    };

    private static HttpOperation Operation(Way.Operation from) => new()
    {
        Hosts = PolicyDecoder.Strings(from.Hosts, "hosts"),
        NotHosts = PolicyDecoder.Strings(from.NotHosts, "not_hosts"),
        Ports = PolicyDecoder.Ports(from.Ports, "ports"),
        NotPorts = PolicyDecoder.Ports(from.NotPorts, "not_ports"),
        Methods = OnWire(from.Methods, "methods"),
        NotMethods = OnWire(from.NotMethods, "not_methods"),
        Paths = Paths(from.Paths, "paths"),
        NotPaths = Paths(from.NotPaths, "not_paths"),
    };

    private static ImmutableArray<PathPattern> Paths(IEnumerable<Way.PathPattern> from, string field) =>
        [.. from.Select(pattern => pattern.KindCase switch
        {
            Way.PathPattern.KindOneofCase.Text => new PathPattern(OnWire([pattern.Text], field)[0], null),
            Way.PathPattern.KindOneofCase.Template => new PathPattern(default, PathTemplate.Parse(pattern.Template)),
            _ => throw new MeshConfigException($"{field} holds a pattern of no known kind; text or template is expected"),
        })];

    private static HttpCondition Condition(Way.Condition from)
    {
        var condition = new HttpCondition
        {
            Key = Key(from.Key),
            Name = from.Key,
            Header = Bracketed(from.Key, "request.headers") is { Length: > 0 } name ? new HeaderName(name) : null,
            Values = OnWire(from.Values, "values"),
            NotValues = OnWire(from.NotValues, "not_values"),
            Ips = PolicyDecoder.Ranges(from.Ips, "ips"),
            NotIps = PolicyDecoder.Ranges(from.NotIps, "not_ips"),
            Ports = PolicyDecoder.Ports(from.Ports, "ports"),
            NotPorts = PolicyDecoder.Ports(from.NotPorts, "not_ports"),
        };

        // A value of another kind than the attribute's would never be looked at.
        var texts = condition.Values.Length + condition.NotValues.Length;
        var ranges = condition.Ips.Length + condition.NotIps.Length;
        var ports = condition.Ports.Length + condition.NotPorts.Length;
        var (fitting, others) = condition.Key switch
        {
            ConditionKey.SourceIp or ConditionKey.DestinationIp => (ranges, texts + ports),
            ConditionKey.DestinationPort => (ports, texts + ranges),
            _ => (texts, ranges + ports),
        };
        return fitting > 0 && others == 0
            ? condition
            : throw new MeshConfigException($"the condition on {from.Key} has no values, or values of the wrong kind");
    }

    private static ConditionKey Key(string key) => key switch
    {
        "source.ip" => ConditionKey.SourceIp,
        // No header says where a request comes from, so that it is the same.
        "remote.ip" => ConditionKey.SourceIp,
        "source.namespace" => ConditionKey.SourceNamespace,
        "source.principal" => ConditionKey.SourcePrincipal,
        "source.serviceAccount" => ConditionKey.SourceServiceAccount,
        "destination.ip" => ConditionKey.DestinationIp,
        "destination.port" => ConditionKey.DestinationPort,
        "connection.sni" => ConditionKey.Sni,
        _ when Bracketed(key, "request.headers").Length > 0 => ConditionKey.Header,
        _ when key.StartsWith("request.auth.", StringComparison.Ordinal) => ConditionKey.Token,
        _ => throw new MeshConfigException($"the condition's attribute '{key}' is not known"),
    };

    /// <summary>The name in <c>attribute[name]</c>; empty where it is another attribute.</summary>
    private static string Bracketed(string key, string attribute) =>
        key.StartsWith(attribute + "[", StringComparison.Ordinal) && key.EndsWith(']') ? key[(attribute.Length + 1)..^1] : "";

    private static ImmutableArray<StringMatch> OnWire(IEnumerable<Sec.StringMatch> from, string field) =>
        [.. PolicyDecoder.Strings(from, field).Select(match => match with { Value = WireText.Of(match.Value) })];
}
