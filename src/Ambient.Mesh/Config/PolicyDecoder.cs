using System.Collections.Immutable;
using Ambient.Mesh.Model;
using Google.Protobuf;
using Sec = Ambient.Api.Security;

namespace Ambient.Mesh.Config;

/// <summary>
/// Reads L4 policies (type <c>istio.security.Authorization</c>) into the model. A condition that cannot be understood refuses
/// the whole policy: leaving it out would widen what the policy matches.
/// </summary>
public static class PolicyDecoder
{
    /// <summary>Reads a policy.</summary>
    /// <param name="key">The resource's name, by which workloads name the policy.</param>
    /// <param name="bytes">The resource.</param>
    /// <exception cref="MeshConfigException">It is not an Authorization, or a field cannot be taken.</exception>
    public static Policy Decode(string key, ByteString bytes)
    {
        try
        {
            return Decode(key, Sec.Authorization.Parser.ParseFrom(bytes));
        }
        catch (Exception e) when (WdsDecoder.IsMalformed(e))
        {
            throw new MeshConfigException($"not an istio.security.Authorization: {e.Message}", e);
        }
    }

    /// <inheritdoc cref="Decode(string, ByteString)" />
    public static Policy Decode(string key, Sec.Authorization from) => new()
    {
        Name = from.Name,
        Namespace = from.Namespace,
        Key = key,
        Scope = from.Scope switch
        {
            Sec.Scope.Global => PolicyScope.Global,
            Sec.Scope.Namespace => PolicyScope.Namespace,
            Sec.Scope.WorkloadSelector => PolicyScope.WorkloadSelector,
            _ => throw WdsDecoder.Unknown("scope", (int)from.Scope),
        },
        Action = from.Action switch
        {
            Sec.Action.Allow => PolicyAction.Allow,
            Sec.Action.Deny => PolicyAction.Deny,
            _ => throw WdsDecoder.Unknown("action", (int)from.Action),
        },
        DryRun = from.DryRun,
        Rules = [.. from.Rules.Select(rule => new PolicyRule(
            [.. rule.Clauses.Select(clause => new PolicyClause([.. clause.Matches.Select(Match)]))]))],
    };

    private static PolicyMatch Match(Sec.Match from) => new()
    {
        Namespaces = Strings(from.Namespaces, "namespaces"),
        NotNamespaces = Strings(from.NotNamespaces, "not_namespaces"),
        Principals = Strings(from.Principals, "principals"),
        NotPrincipals = Strings(from.NotPrincipals, "not_principals"),
        ServiceAccounts = Accounts(from.ServiceAccounts),
        NotServiceAccounts = Accounts(from.NotServiceAccounts),
        SourceIps = Ranges(from.SourceIps, "source_ips"),
        NotSourceIps = Ranges(from.NotSourceIps, "not_source_ips"),
        DestinationIps = Ranges(from.DestinationIps, "destination_ips"),
        NotDestinationIps = Ranges(from.NotDestinationIps, "not_destination_ips"),
        DestinationPorts = Ports(from.DestinationPorts, "destination_ports"),
        NotDestinationPorts = Ports(from.NotDestinationPorts, "not_destination_ports"),
    };

    internal static ImmutableArray<StringMatch> Strings(IEnumerable<Sec.StringMatch> from, string field) =>
        [.. from.Select(match => match.MatchTypeCase switch
        {
            Sec.StringMatch.MatchTypeOneofCase.Exact => new StringMatch(StringMatchKind.Exact, match.Exact),
            Sec.StringMatch.MatchTypeOneofCase.Prefix => new StringMatch(StringMatchKind.Prefix, match.Prefix),
            Sec.StringMatch.MatchTypeOneofCase.Suffix => new StringMatch(StringMatchKind.Suffix, match.Suffix),
            Sec.StringMatch.MatchTypeOneofCase.Presence => new StringMatch(StringMatchKind.Presence, ""),
            _ => throw new MeshConfigException($"{field} holds a match of no known kind; exact, prefix, suffix or presence is expected"),
        })];

    internal static ImmutableArray<ServiceAccountMatch> Accounts(IEnumerable<Sec.ServiceAccountMatch> from) =>
        [.. from.Select(match => new ServiceAccountMatch(match.Namespace, match.ServiceAccount))];

    internal static ImmutableArray<Cidr> Ranges(IEnumerable<Sec.Address> from, string field)
    {
        try
        {
            return [.. from.Select(range => Cidr.Of(WdsDecoder.Address(range.Address_, field), checked((int)range.Length)))];
        }
        catch (Exception e) when (e is FormatException or OverflowException)
        {
            throw new MeshConfigException($"{field}: {e.Message}", e);
        }
    }

    internal static ImmutableArray<ushort> Ports(IEnumerable<uint> from, string field) =>
        [.. from.Select(port => WdsDecoder.Port(port, field))];
}
