using System.Collections.Immutable;
using Ambient.Mesh.Model;

namespace Ambient.Mesh.Http;

/// <summary>What a matching policy does.</summary>
public enum HttpPolicyAction
{
    /// <summary>Lets the request through; where any such policy holds, one has to match.</summary>
    Allow,

    /// <summary>Refuses the request.</summary>
    Deny,

    /// <summary>Is noted.</summary>
    Audit,
}

/// <summary>A layer-7 authorization policy. Immutable.</summary>
public sealed record HttpPolicy
{
    /// <summary>Its key, <c>namespace/name</c>.</summary>
    public required string Key { get; init; }

    /// <summary>What it does when it matches.</summary>
    public required HttpPolicyAction Action { get; init; }

    /// <summary>It is evaluated and reported, never enforced.</summary>
    public bool DryRun { get; init; }

    /// <summary>One that holds is enough; none at all never matches.</summary>
    public ImmutableArray<HttpRule> Rules { get; init; } = [];
}

/// <summary>A rule: one source, one operation and all conditions have to hold; an empty list holds.</summary>
public sealed record HttpRule
{
    /// <summary>From whom.</summary>
    public ImmutableArray<HttpSource> From { get; init; } = [];

    /// <summary>What.</summary>
    public ImmutableArray<HttpOperation> To { get; init; } = [];

    /// <summary>And only when.</summary>
    public ImmutableArray<HttpCondition> When { get; init; } = [];

    /// <summary>
    /// Whether it looks at anything that only HTTP has. On other connections such a rule never allows; and where it denies or audits it goes by
    /// what is left of it, be that nothing: a rule that cannot be told errs on the strict side (Istio).
    /// </summary>
    public bool NeedsHttp { get; init; }
}

/// <summary>Who sends: all fields that are set have to hold; within one, any value; of a <c>Not…</c>, none.</summary>
public sealed record HttpSource
{
    /// <summary>The identity without <c>spiffe://</c>; without identity nothing matches.</summary>
    public ImmutableArray<StringMatch> Principals { get; init; } = [];

    /// <inheritdoc cref="Principals" />
    public ImmutableArray<StringMatch> NotPrincipals { get; init; } = [];

    /// <summary>The identity's namespace.</summary>
    public ImmutableArray<StringMatch> Namespaces { get; init; } = [];

    /// <inheritdoc cref="Namespaces" />
    public ImmutableArray<StringMatch> NotNamespaces { get; init; } = [];

    /// <summary>The identity's service account.</summary>
    public ImmutableArray<ServiceAccountMatch> ServiceAccounts { get; init; } = [];

    /// <inheritdoc cref="ServiceAccounts" />
    public ImmutableArray<ServiceAccountMatch> NotServiceAccounts { get; init; } = [];

    /// <summary>The client's address.</summary>
    public ImmutableArray<Cidr> Ips { get; init; } = [];

    /// <inheritdoc cref="Ips" />
    public ImmutableArray<Cidr> NotIps { get; init; } = [];

    /// <summary>A token's subject. Tokens are not verified, so there is never one: this never holds, and <see cref="NotRequestPrincipals"/> always.</summary>
    public ImmutableArray<StringMatch> RequestPrincipals { get; init; } = [];

    /// <inheritdoc cref="RequestPrincipals" />
    public ImmutableArray<StringMatch> NotRequestPrincipals { get; init; } = [];
}

/// <summary>What is asked for; fields combine as in <see cref="HttpSource"/>.</summary>
public sealed record HttpOperation
{
    /// <summary>The host, without regard to case, with or without its port.</summary>
    public ImmutableArray<StringMatch> Hosts { get; init; } = [];

    /// <inheritdoc cref="Hosts" />
    public ImmutableArray<StringMatch> NotHosts { get; init; } = [];

    /// <summary>The port that was asked for: of the service, or of the workload where that was addressed.</summary>
    public ImmutableArray<ushort> Ports { get; init; } = [];

    /// <inheritdoc cref="Ports" />
    public ImmutableArray<ushort> NotPorts { get; init; } = [];

    /// <summary>The method.</summary>
    public ImmutableArray<StringMatch> Methods { get; init; } = [];

    /// <inheritdoc cref="Methods" />
    public ImmutableArray<StringMatch> NotMethods { get; init; } = [];

    /// <summary>The normalised path without the query.</summary>
    public ImmutableArray<PathPattern> Paths { get; init; } = [];

    /// <inheritdoc cref="Paths" />
    public ImmutableArray<PathPattern> NotPaths { get; init; } = [];
}

/// <summary>A comparison of a path: as a text, or with a template.</summary>
public readonly record struct PathPattern(StringMatch Text, PathTemplate? Template)
{
    /// <summary>Whether the path passes.</summary>
    public bool Holds(ReadOnlySpan<char> path) => Template?.Holds(path) ?? Text.Holds(path);

    /// <inheritdoc />
    public override string ToString() => Template?.ToString() ?? Text.ToString();
}

/// <summary>The attribute that a <see cref="HttpCondition"/> looks at.</summary>
public enum ConditionKey
{
    /// <summary>A header field of the request.</summary>
    Header,

    /// <summary>The client's address.</summary>
    SourceIp,

    /// <summary>The namespace of the client's identity.</summary>
    SourceNamespace,

    /// <summary>The client's identity.</summary>
    SourcePrincipal,

    /// <summary>Its service account, <c>namespace/name</c>.</summary>
    SourceServiceAccount,

    /// <summary>The address that was asked for.</summary>
    DestinationIp,

    /// <summary>The port that was asked for.</summary>
    DestinationPort,

    /// <summary>The server name that a TLS connection asks for, where one is seen.</summary>
    Sni,

    /// <summary>Something of a token: without verified tokens there is nothing.</summary>
    Token,
}

/// <summary>A condition on one attribute: any value, and none of the <c>Not…</c>.</summary>
public sealed record HttpCondition
{
    /// <summary>The attribute.</summary>
    public required ConditionKey Key { get; init; }

    /// <summary>The attribute as it was written.</summary>
    public required string Name { get; init; }

    /// <summary>The header field, of <see cref="ConditionKey.Header"/>.</summary>
    public HeaderName? Header { get; init; }

    /// <summary>Texts that it may be.</summary>
    public ImmutableArray<StringMatch> Values { get; init; } = [];

    /// <summary>Texts that it may not be.</summary>
    public ImmutableArray<StringMatch> NotValues { get; init; } = [];

    /// <summary>Ranges that it may lie in.</summary>
    public ImmutableArray<Cidr> Ips { get; init; } = [];

    /// <summary>Ranges that it may not lie in.</summary>
    public ImmutableArray<Cidr> NotIps { get; init; } = [];

    /// <summary>Ports that it may be.</summary>
    public ImmutableArray<ushort> Ports { get; init; } = [];

    /// <summary>Ports that it may not be.</summary>
    public ImmutableArray<ushort> NotPorts { get; init; } = [];
}
