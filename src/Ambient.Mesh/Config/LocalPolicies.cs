using System.Collections.Immutable;
using Ambient.Mesh.Model;
using YamlDotNet.RepresentationModel;

namespace Ambient.Mesh.Config;

/// <summary>The policies of a local configuration: <c>rules</c> is a list of rules, each a list of clauses, each a list of matches.</summary>
internal static class LocalPolicies
{
    public static Policy Read(YamlNode node)
    {
        var map = new YamlMap(node, "a policy");
        var (name, ns) = (map.RequiredText("name"), map.RequiredText("namespace"));
        var policy = new Policy
        {
            Name = name,
            Namespace = ns,
            Key = $"{ns}/{name}",
            Scope = YamlMap.Choice(map.Require("scope"), "scope",
                ("Global", PolicyScope.Global), ("Namespace", PolicyScope.Namespace), ("WorkloadSelector", PolicyScope.WorkloadSelector)),
            Action = YamlMap.Choice(map.Require("action"), "action", ("Allow", PolicyAction.Allow), ("Deny", PolicyAction.Deny)),
            DryRun = map.Flag("dryRun", false),
            Rules = map.List("rules", rule => new PolicyRule(YamlMap.List(rule, "a rule",
                clause => new PolicyClause(YamlMap.List(clause, "a clause", Match))))),
        };
        map.End();
        return policy;
    }

    private static PolicyMatch Match(YamlNode node)
    {
        var map = new YamlMap(node, "a match");
        var match = new PolicyMatch
        {
            Namespaces = Strings(map, "namespaces"),
            NotNamespaces = Strings(map, "notNamespaces"),
            Principals = Strings(map, "principals"),
            NotPrincipals = Strings(map, "notPrincipals"),
            ServiceAccounts = Accounts(map, "serviceAccounts"),
            NotServiceAccounts = Accounts(map, "notServiceAccounts"),
            SourceIps = Ranges(map, "sourceIps"),
            NotSourceIps = Ranges(map, "notSourceIps"),
            DestinationIps = Ranges(map, "destinationIps"),
            NotDestinationIps = Ranges(map, "notDestinationIps"),
            DestinationPorts = Ports(map, "destinationPorts"),
            NotDestinationPorts = Ports(map, "notDestinationPorts"),
        };
        map.End();
        return match;
    }

    private static ImmutableArray<Cidr> Ranges(YamlMap map, string key) =>
        map.List(key, node => LocalConfig.Range(node, key));

    private static ImmutableArray<ushort> Ports(YamlMap map, string key) =>
        map.List(key, node => YamlMap.Port(node, key));

    private static ImmutableArray<ServiceAccountMatch> Accounts(YamlMap map, string key) => map.List(key, node =>
    {
        var account = new YamlMap(node, key);
        var match = new ServiceAccountMatch(account.RequiredText("namespace"), account.RequiredText("serviceAccount"));
        account.End();
        return match;
    });

    /// <summary>Each a mapping with one key, the kind of match: <c>{Exact: value}</c>.</summary>
    private static ImmutableArray<StringMatch> Strings(YamlMap map, string key) => map.List(key, node =>
    {
        var entries = new YamlMap(node, key).Entries.ToList();
        if (entries is not [var (word, value)])
        {
            throw YamlMap.Error(node, $"{key} holds a match that has to have exactly one of Exact, Prefix, Suffix, Presence");
        }

        var kind = YamlMap.Choice(new YamlScalarNode(word), key,
            ("Exact", StringMatchKind.Exact), ("Prefix", StringMatchKind.Prefix),
            ("Suffix", StringMatchKind.Suffix), ("Presence", StringMatchKind.Presence));
        return new StringMatch(kind, kind == StringMatchKind.Presence ? "" : YamlMap.Text(value, key));
    });
}
