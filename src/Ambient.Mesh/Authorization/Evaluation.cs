using System.Collections.Immutable;
using Ambient.Api;
using Ambient.Mesh.Model;

namespace Ambient.Mesh.Authorization;

/// <summary>The condition of a match that was looked at.</summary>
internal enum Condition
{
    None,
    Namespaces,
    NotNamespaces,
    Principals,
    NotPrincipals,
    ServiceAccounts,
    NotServiceAccounts,
    SourceIps,
    NotSourceIps,
    DestinationIps,
    NotDestinationIps,
    DestinationPorts,
    NotDestinationPorts,
}

/// <summary>
/// One connection against matches, clauses and rules. On the stack: the principal is composed into a buffer of the
/// caller, addresses are numbers, so an evaluation allocates nothing.
/// </summary>
internal readonly ref struct Evaluation
{
    /// <summary>Room for a usual principal: names in Kubernetes have at most 253 + 63 + 253 characters, mostly far fewer.</summary>
    public const int UsualPrincipal = 256;

    private readonly AddressBits _source;
    private readonly AddressBits _destination;
    private readonly int _port;
    private readonly SpiffeId? _identity;
    private readonly ReadOnlySpan<char> _principal;

    public Evaluation(scoped in ConnectionFacts facts, Span<char> buffer)
    {
        _source = AddressBits.Of(facts.Source);
        _destination = AddressBits.Of(facts.DestinationAddress);
        _port = facts.DestinationPort;
        _identity = facts.Identity;
        _principal = _identity is { } id ? Compose(id, buffer) : default;
    }

    /// <summary>Whether a policy matches, and by which rule.</summary>
    public bool Matches(Policy policy, out int ruleIndex)
    {
        for (ruleIndex = 0; ruleIndex < policy.Rules.Length; ruleIndex++)
        {
            if (Matches(policy.Rules[ruleIndex]))
            {
                return true;
            }
        }

        ruleIndex = -1;
        return false;
    }

    /// <summary>Whether one match holds.</summary>
    public bool Matches(PolicyClause clause)
    {
        if (clause.Matches.IsEmpty)
        {
            return true;
        }

        foreach (var match in clause.Matches)
        {
            if (!match.IsEmpty && Failing(match) == Condition.None)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The first condition of a match that does not hold, in the order of their cost; None if all hold.</summary>
    public Condition Failing(PolicyMatch match)
    {
        if (!match.DestinationPorts.IsEmpty && !HasPort(match.DestinationPorts))
        {
            return Condition.DestinationPorts;
        }

        if (HasPort(match.NotDestinationPorts))
        {
            return Condition.NotDestinationPorts;
        }

        return FailingAddress(match) is var address and not Condition.None ? address : FailingIdentity(match);
    }

    private static bool Holds(ImmutableArray<Cidr> ranges, in AddressBits address)
    {
        foreach (ref readonly var range in ranges.AsSpan())
        {
            if (range.Contains(address))
            {
                return true;
            }
        }

        return false;
    }

    private static bool Holds(ImmutableArray<StringMatch> matches, ReadOnlySpan<char> text)
    {
        foreach (ref readonly var match in matches.AsSpan())
        {
            if (match.Holds(text))
            {
                return true;
            }
        }

        return false;
    }

    private static ReadOnlySpan<char> Compose(SpiffeId id, Span<char> buffer) =>
        buffer.TryWrite($"{id.TrustDomain}/ns/{id.Namespace}/sa/{id.ServiceAccount}", out var written)
            ? buffer[..written]
            : id.Principal;

    private bool Matches(PolicyRule rule)
    {
        foreach (var clause in rule.Clauses)
        {
            if (!Matches(clause))
            {
                return false;
            }
        }

        return true;
    }

    private Condition FailingAddress(PolicyMatch match)
    {
        if (!match.SourceIps.IsEmpty && !ComesFrom(match.SourceIps))
        {
            return Condition.SourceIps;
        }

        if (ComesFrom(match.NotSourceIps))
        {
            return Condition.NotSourceIps;
        }

        if (!match.DestinationIps.IsEmpty && !GoesTo(match.DestinationIps))
        {
            return Condition.DestinationIps;
        }

        return GoesTo(match.NotDestinationIps) ? Condition.NotDestinationIps : Condition.None;
    }

    private Condition FailingIdentity(PolicyMatch match)
    {
        if (!match.Namespaces.IsEmpty && !HasNamespace(match.Namespaces))
        {
            return Condition.Namespaces;
        }

        if (HasNamespace(match.NotNamespaces))
        {
            return Condition.NotNamespaces;
        }

        if (!match.Principals.IsEmpty && !HasPrincipal(match.Principals))
        {
            return Condition.Principals;
        }

        if (HasPrincipal(match.NotPrincipals))
        {
            return Condition.NotPrincipals;
        }

        if (!match.ServiceAccounts.IsEmpty && !HasAccount(match.ServiceAccounts))
        {
            return Condition.ServiceAccounts;
        }

        return HasAccount(match.NotServiceAccounts) ? Condition.NotServiceAccounts : Condition.None;
    }

    /// <summary>Who the identity is; null without one.</summary>
    public ServiceAccountMatch? Account => _identity is { } id ? new ServiceAccountMatch(id.Namespace, id.ServiceAccount) : null;

    public bool ComesFrom(ImmutableArray<Cidr> ranges) => Holds(ranges, _source);

    public bool GoesTo(ImmutableArray<Cidr> ranges) => Holds(ranges, _destination);

    /// <summary>Without identity the namespace is empty.</summary>
    public bool HasNamespace(ImmutableArray<StringMatch> matches) => Holds(matches, _identity?.Namespace ?? "");

    /// <summary>Without identity no kind of match holds, not even presence: that is how STRICT mutual TLS is written.</summary>
    public bool HasPrincipal(ImmutableArray<StringMatch> matches) => _identity is not null && Holds(matches, _principal);

    public bool HasAccount(ImmutableArray<ServiceAccountMatch> accounts)
    {
        if (_identity is not { } identity)
        {
            return false;
        }

        foreach (ref readonly var account in accounts.AsSpan())
        {
            if (account.Namespace == identity.Namespace && account.ServiceAccount == identity.ServiceAccount)
            {
                return true;
            }
        }

        return false;
    }

    public bool HasPort(ImmutableArray<ushort> ports)
    {
        foreach (var port in ports)
        {
            if (port == _port)
            {
                return true;
            }
        }

        return false;
    }
}
