using System.Collections.Immutable;

namespace Ambient.Mesh.Model;

/// <summary>Which workloads a policy is for.</summary>
public enum PolicyScope
{
    /// <summary>All.</summary>
    Global,

    /// <summary>Those of its namespace.</summary>
    Namespace,

    /// <summary>Those that name it.</summary>
    WorkloadSelector,
}

/// <summary>What a matching policy does.</summary>
public enum PolicyAction
{
    /// <summary>Lets the connection through; where any such policy applies, one has to match.</summary>
    Allow,

    /// <summary>Refuses the connection.</summary>
    Deny,
}

/// <summary>A layer-4 authorization policy: alternatives (rules) of clauses that all have to hold. Immutable.</summary>
public sealed record Policy
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Its namespace.</summary>
    public required string Namespace { get; init; }

    /// <summary>Its key, <c>namespace/name</c>, by which workloads name it.</summary>
    public required string Key { get; init; }

    /// <summary>Which workloads it is for.</summary>
    public required PolicyScope Scope { get; init; }

    /// <summary>What it does when it matches.</summary>
    public required PolicyAction Action { get; init; }

    /// <summary>It is evaluated and reported, never enforced.</summary>
    public bool DryRun { get; init; }

    /// <summary>One that holds is enough; none at all never matches.</summary>
    public ImmutableArray<PolicyRule> Rules { get; init; } = [];
}

/// <summary>Clauses that all have to hold; none at all matches everything.</summary>
public sealed record PolicyRule(ImmutableArray<PolicyClause> Clauses);

/// <summary>Matches of which one has to hold; none at all holds.</summary>
public sealed record PolicyClause(ImmutableArray<PolicyMatch> Matches);

/// <summary>How a text is compared.</summary>
public enum StringMatchKind
{
    /// <summary>Equal.</summary>
    Exact,

    /// <summary>Starts with.</summary>
    Prefix,

    /// <summary>Ends with.</summary>
    Suffix,

    /// <summary>Is not empty.</summary>
    Presence,
}

/// <summary>A comparison of a text. The value of <see cref="StringMatchKind.Presence"/> is empty.</summary>
public readonly record struct StringMatch(StringMatchKind Kind, string Value)
{
    /// <summary>Whether the text passes.</summary>
    public bool Holds(ReadOnlySpan<char> text) => Kind switch
    {
        StringMatchKind.Exact => text.SequenceEqual(Value),
        StringMatchKind.Prefix => text.StartsWith(Value, StringComparison.Ordinal),
        StringMatchKind.Suffix => text.EndsWith(Value, StringComparison.Ordinal),
        _ => !text.IsEmpty,
    };

    /// <summary>As policies write it: <c>value</c>, <c>value*</c>, <c>*value</c> or <c>*</c>.</summary>
    public override string ToString() => Kind switch
    {
        StringMatchKind.Exact => Value,
        StringMatchKind.Prefix => Value + "*",
        StringMatchKind.Suffix => "*" + Value,
        _ => "*",
    };
}

/// <summary>A service account of a namespace, in any trust domain.</summary>
public readonly record struct ServiceAccountMatch(string Namespace, string ServiceAccount)
{
    /// <inheritdoc />
    public override string ToString() => $"{Namespace}/{ServiceAccount}";
}

/// <summary>
/// Conditions on one connection. All that are set have to hold; within one, any value; of a <c>Not…</c>, none.
/// Where nothing is set the match is passed over: it never holds.
/// </summary>
public sealed record PolicyMatch
{
    /// <summary>Namespace of the client's identity; empty without identity.</summary>
    public ImmutableArray<StringMatch> Namespaces { get; init; } = [];

    /// <inheritdoc cref="Namespaces" />
    public ImmutableArray<StringMatch> NotNamespaces { get; init; } = [];

    /// <summary>The client's identity without <c>spiffe://</c>; without identity nothing matches, not even presence.</summary>
    public ImmutableArray<StringMatch> Principals { get; init; } = [];

    /// <inheritdoc cref="Principals" />
    public ImmutableArray<StringMatch> NotPrincipals { get; init; } = [];

    /// <summary>The client's service account.</summary>
    public ImmutableArray<ServiceAccountMatch> ServiceAccounts { get; init; } = [];

    /// <inheritdoc cref="ServiceAccounts" />
    public ImmutableArray<ServiceAccountMatch> NotServiceAccounts { get; init; } = [];

    /// <summary>The client's address.</summary>
    public ImmutableArray<Cidr> SourceIps { get; init; } = [];

    /// <inheritdoc cref="SourceIps" />
    public ImmutableArray<Cidr> NotSourceIps { get; init; } = [];

    /// <summary>The workload's address.</summary>
    public ImmutableArray<Cidr> DestinationIps { get; init; } = [];

    /// <inheritdoc cref="DestinationIps" />
    public ImmutableArray<Cidr> NotDestinationIps { get; init; } = [];

    /// <summary>The application's port.</summary>
    public ImmutableArray<ushort> DestinationPorts { get; init; } = [];

    /// <inheritdoc cref="DestinationPorts" />
    public ImmutableArray<ushort> NotDestinationPorts { get; init; } = [];

    /// <summary>Whether no condition is set.</summary>
    public bool IsEmpty =>
        Namespaces.IsEmpty && NotNamespaces.IsEmpty && Principals.IsEmpty && NotPrincipals.IsEmpty
        && ServiceAccounts.IsEmpty && NotServiceAccounts.IsEmpty && SourceIps.IsEmpty && NotSourceIps.IsEmpty
        && DestinationIps.IsEmpty && NotDestinationIps.IsEmpty && DestinationPorts.IsEmpty && NotDestinationPorts.IsEmpty;
}
