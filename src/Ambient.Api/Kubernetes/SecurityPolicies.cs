namespace Ambient.Api.Kubernetes;

/// <summary>An Istio AuthorizationPolicy (security.istio.io/v1).</summary>
public sealed record AuthorizationPolicy : IResource
{
    public string? ApiVersion { get; init; } = "security.istio.io/v1";
    public string? Kind { get; init; } = "AuthorizationPolicy";
    public ObjectMeta Metadata { get; init; } = new();
    public AuthorizationPolicySpec? Spec { get; init; }
    public PolicyStatus? Status { get; init; }
}

/// <summary>What the control plane has made of a policy.</summary>
public sealed record PolicyStatus
{
    public IReadOnlyList<Condition>? Conditions { get; init; }
}

/// <summary>Whom a policy concerns, what it does, and when.</summary>
public sealed record AuthorizationPolicySpec
{
    public WorkloadSelector? Selector { get; init; }
    public PolicyTargetReference? TargetRef { get; init; }
    public IReadOnlyList<PolicyTargetReference>? TargetRefs { get; init; }

    /// <summary><c>ALLOW</c> (also when absent), <c>DENY</c>, <c>AUDIT</c> or <c>CUSTOM</c>.</summary>
    public string? Action { get; init; }

    /// <summary>Who decides, where the action is <c>CUSTOM</c>.</summary>
    public ExtensionProvider? Provider { get; init; }

    public IReadOnlyList<AuthorizationRule>? Rules { get; init; }
}

/// <summary>An external authorizer, by its name in the mesh configuration.</summary>
public sealed record ExtensionProvider
{
    public string? Name { get; init; }
}

/// <summary>Selects workloads by label, in the policy's namespace or, from the root namespace, in all.</summary>
public sealed record WorkloadSelector
{
    public IReadOnlyDictionary<string, string>? MatchLabels { get; init; }

    /// <summary>Whether the labels satisfy the selector; one without labels selects everything.</summary>
    public bool Matches(IReadOnlyDictionary<string, string>? labels)
    {
        if (MatchLabels is null)
        {
            return true;
        }

        foreach (var (key, value) in MatchLabels)
        {
            if (labels is null || !labels.TryGetValue(key, out var actual) || actual != value)
            {
                return false;
            }
        }

        return true;
    }
}

/// <summary>A resource that a policy attaches to.</summary>
public sealed record PolicyTargetReference
{
    public string? Group { get; init; }
    public string? Kind { get; init; }
    public string? Name { get; init; }
    public string? Namespace { get; init; }
}

/// <summary>Sources, operations and conditions: each part that is there must hold.</summary>
public sealed record AuthorizationRule
{
    public IReadOnlyList<RuleFrom>? From { get; init; }
    public IReadOnlyList<RuleTo>? To { get; init; }
    public IReadOnlyList<RuleCondition>? When { get; init; }
}

/// <summary>One alternative of a rule's <c>from</c>.</summary>
public sealed record RuleFrom
{
    public RuleSource? Source { get; init; }
}

/// <summary>A source: each field that is set must hold.</summary>
public sealed record RuleSource
{
    public IReadOnlyList<string>? Principals { get; init; }
    public IReadOnlyList<string>? NotPrincipals { get; init; }
    public IReadOnlyList<string>? RequestPrincipals { get; init; }
    public IReadOnlyList<string>? NotRequestPrincipals { get; init; }
    public IReadOnlyList<string>? Namespaces { get; init; }
    public IReadOnlyList<string>? NotNamespaces { get; init; }
    public IReadOnlyList<string>? ServiceAccounts { get; init; }
    public IReadOnlyList<string>? NotServiceAccounts { get; init; }
    public IReadOnlyList<string>? IpBlocks { get; init; }
    public IReadOnlyList<string>? NotIpBlocks { get; init; }
    public IReadOnlyList<string>? RemoteIpBlocks { get; init; }
    public IReadOnlyList<string>? NotRemoteIpBlocks { get; init; }
    public IReadOnlyList<string>? TrustDomains { get; init; }
    public IReadOnlyList<string>? NotTrustDomains { get; init; }
}

/// <summary>One alternative of a rule's <c>to</c>.</summary>
public sealed record RuleTo
{
    public RuleOperation? Operation { get; init; }
}

/// <summary>An operation: each field that is set must hold.</summary>
public sealed record RuleOperation
{
    public IReadOnlyList<string>? Hosts { get; init; }
    public IReadOnlyList<string>? NotHosts { get; init; }
    public IReadOnlyList<string>? Ports { get; init; }
    public IReadOnlyList<string>? NotPorts { get; init; }
    public IReadOnlyList<string>? Methods { get; init; }
    public IReadOnlyList<string>? NotMethods { get; init; }
    public IReadOnlyList<string>? Paths { get; init; }
    public IReadOnlyList<string>? NotPaths { get; init; }
}

/// <summary>An attribute and the values that it must or must not have.</summary>
public sealed record RuleCondition
{
    public string? Key { get; init; }
    public IReadOnlyList<string>? Values { get; init; }
    public IReadOnlyList<string>? NotValues { get; init; }
}

/// <summary>An Istio PeerAuthentication (security.istio.io/v1).</summary>
public sealed record PeerAuthentication : IResource
{
    public string? ApiVersion { get; init; } = "security.istio.io/v1";
    public string? Kind { get; init; } = "PeerAuthentication";
    public ObjectMeta Metadata { get; init; } = new();
    public PeerAuthenticationSpec? Spec { get; init; }
}

/// <summary>Whether plaintext is accepted, in all and by workload port.</summary>
public sealed record PeerAuthenticationSpec
{
    public WorkloadSelector? Selector { get; init; }
    public MutualTls? Mtls { get; init; }
    public IReadOnlyDictionary<string, MutualTls>? PortLevelMtls { get; init; }
}

/// <summary>A mode: <c>UNSET</c>, <c>DISABLE</c>, <c>PERMISSIVE</c> or <c>STRICT</c>.</summary>
public sealed record MutualTls
{
    public string? Mode { get; init; }
}
