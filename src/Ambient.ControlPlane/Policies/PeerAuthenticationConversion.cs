using Ambient.Api.Kubernetes;
using Ambient.Api.Security;
using Google.Protobuf.WellKnownTypes;
using Action = Ambient.Api.Security.Action;

namespace Ambient.ControlPlane.Policies;

/// <summary>
/// PeerAuthentication → DENY policies for peers without identity. The mesh-wide one is the same for every strict workload; a
/// policy with ports of its own becomes one of its own.
/// </summary>
internal static class PeerAuthenticationConversion
{
    /// <summary>The name of the policy that denies every peer without identity.</summary>
    public const string StaticStrict = "istio_converted_static_strict";

    private const string ConvertedPrefix = "converted_peer_authentication_";

    public static Authorization Strict(string rootNamespace) => Deny(rootNamespace, StaticStrict, [new Rule { Clauses = { NoIdentity() } }]);

    public static string StrictKey(string rootNamespace) => $"{rootNamespace}/{StaticStrict}";

    public static string ConvertedKey(PeerAuthentication policy) =>
        $"{policy.Metadata.Namespace}/{ConvertedPrefix}{policy.Metadata.Name}";

    /// <summary>The policy for the ports that differ from the rest of the workload; null where none do.</summary>
    /// <param name="policy">A policy with a selector.</param>
    /// <param name="inherited">What its workloads would get without it.</param>
    /// <param name="rootNamespace">There, selectors do not count.</param>
    public static Authorization? Convert(PeerAuthentication policy, PeerMode inherited, string rootNamespace)
    {
        if (policy.Metadata.Namespace == rootNamespace || !PeerModes.HasSelector(policy))
        {
            return null;
        }

        var own = PeerModes.Of(policy);
        var rules = own.Or(inherited) == PeerMode.Strict ? Exempting(policy, own, inherited) : Requiring(policy);
        return rules.Count == 0 ? null : Deny(policy.Metadata.Namespace!, ConvertedPrefix + policy.Metadata.Name, rules);
    }

    /// <summary>The key of the policy that a workload has to name, or null where plaintext is welcome.</summary>
    /// <param name="selecting">The policy that selects the workload.</param>
    /// <param name="inherited">What the workload gets from its namespace and the mesh.</param>
    /// <param name="rootNamespace">The namespace of the mesh-wide policy.</param>
    public static string? KeyFor(PeerAuthentication? selecting, PeerMode inherited, string rootNamespace)
    {
        var own = PeerModes.Of(selecting);
        var strict = own.Or(inherited) == PeerMode.Strict;
        if (selecting is not null
            && Convert(selecting, inherited, rootNamespace) is not null
            && !(own == PeerMode.Unset && strict && !Ports(selecting).Any(port => port.Mode == PeerMode.Permissive)))
        {
            return ConvertedKey(selecting);
        }

        // A workload that inherits STRICT and only disables ports stays strict on all of them, as Istio has it.
        return strict ? StrictKey(rootNamespace) : null;
    }

    /// <summary>Strict, but for some ports: one rule, for rules are alternatives and clauses must all hold.</summary>
    private static List<Rule> Exempting(PeerAuthentication policy, PeerMode own, PeerMode inherited)
    {
        Clause[] exempt =
        [
            .. from port in Ports(policy)
               where port.Mode is PeerMode.Permissive or PeerMode.Disable
               select new Clause { Matches = { new Match { NotDestinationPorts = { port.Port } } } },
        ];
        if (exempt.Length == 0)
        {
            return [];
        }

        // The policy's own strictness comes first, the inherited one last; where both are strict it is said twice, as Istio says it.
        var rule = new Rule();
        if (own == PeerMode.Strict)
        {
            rule.Clauses.Add(NoIdentity());
        }

        rule.Clauses.AddRange(exempt);
        if (inherited == PeerMode.Strict)
        {
            rule.Clauses.Add(NoIdentity());
        }

        return [rule];
    }

    /// <summary>Plaintext is welcome, but not at some ports: a rule for each.</summary>
    private static List<Rule> Requiring(PeerAuthentication policy) =>
    [
        .. from port in Ports(policy)
           where port.Mode == PeerMode.Strict
           let match = new Match { NotPrincipals = { Anyone() }, DestinationPorts = { port.Port } }
           select new Rule { Clauses = { new Clause { Matches = { match } } } },
    ];

    private static IEnumerable<(uint Port, PeerMode Mode)> Ports(PeerAuthentication policy) =>
        (policy.Spec?.PortLevelMtls ?? new Dictionary<string, MutualTls>())
            .Where(entry => PolicyValues.TryPort(entry.Key, out _))
            .Select(entry => (uint.Parse(entry.Key), PeerModes.Parse(entry.Value.Mode)))
            .OrderBy(entry => entry.Item1);

    private static Authorization Deny(string ns, string name, IEnumerable<Rule> rules) => new()
    {
        Namespace = ns,
        Name = name,
        Scope = Scope.WorkloadSelector,
        Action = Action.Deny,
        Rules = { rules },
    };

    private static Clause NoIdentity() => new() { Matches = { new Match { NotPrincipals = { Anyone() } } } };

    private static StringMatch Anyone() => new() { Presence = new Empty() };
}
