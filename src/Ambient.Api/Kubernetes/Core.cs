namespace Ambient.Api.Kubernetes;

/// <summary>A namespace.</summary>
public sealed record Namespace : IResource
{
    public string? ApiVersion { get; init; } = "v1";
    public string? Kind { get; init; } = "Namespace";
    public ObjectMeta Metadata { get; init; } = new();
    public NamespaceStatus? Status { get; init; }
}

/// <summary>Whether a namespace is <c>Active</c> or <c>Terminating</c>.</summary>
public sealed record NamespaceStatus
{
    public string? Phase { get; init; }
}

/// <summary>A node.</summary>
public sealed record Node : IResource
{
    public string? ApiVersion { get; init; } = "v1";
    public string? Kind { get; init; } = "Node";
    public ObjectMeta Metadata { get; init; } = new();
    public NodeSpec? Spec { get; init; }
    public NodeStatus? Status { get; init; }
}

/// <summary>What a node is meant to be.</summary>
public sealed record NodeSpec
{
    public string? PodCIDR { get; init; }
    public IReadOnlyList<string>? PodCIDRs { get; init; }
    public bool? Unschedulable { get; init; }
}

/// <summary>What a node is.</summary>
public sealed record NodeStatus
{
    public IReadOnlyList<NodeAddress>? Addresses { get; init; }
    public IReadOnlyList<Condition>? Conditions { get; init; }
}

/// <summary>One of a node's addresses.</summary>
public sealed record NodeAddress
{
    public string? Type { get; init; }
    public string? Address { get; init; }
}

/// <summary>A service account.</summary>
public sealed record ServiceAccount : IResource
{
    public string? ApiVersion { get; init; } = "v1";
    public string? Kind { get; init; } = "ServiceAccount";
    public ObjectMeta Metadata { get; init; } = new();
}

/// <summary>A configuration map.</summary>
public sealed record ConfigMap : IResource
{
    public string? ApiVersion { get; init; } = "v1";
    public string? Kind { get; init; } = "ConfigMap";
    public ObjectMeta Metadata { get; init; } = new();
    public IReadOnlyDictionary<string, string>? Data { get; init; }
}

/// <summary>A secret; values are base64, as on the wire.</summary>
public sealed record Secret : IResource
{
    public string? ApiVersion { get; init; } = "v1";
    public string? Kind { get; init; } = "Secret";
    public ObjectMeta Metadata { get; init; } = new();
    public string? Type { get; init; }
    public IReadOnlyDictionary<string, string>? Data { get; init; }
}

/// <summary>That a secret exists, without what is in it: nobody holds what he does not need.</summary>
public sealed record SecretHeader : IResource
{
    public string? ApiVersion { get; init; } = "v1";
    public string? Kind { get; init; } = "Secret";
    public ObjectMeta Metadata { get; init; } = new();
    public string? Type { get; init; }
}

/// <summary>A report about an object (core/v1 Event).</summary>
public sealed record Event : IResource
{
    public string? ApiVersion { get; init; } = "v1";
    public string? Kind { get; init; } = "Event";
    public ObjectMeta Metadata { get; init; } = new();
    public ObjectReference? InvolvedObject { get; init; }
    public string? Reason { get; init; }
    public string? Message { get; init; }
    public string? Type { get; init; }
    public int? Count { get; init; }
    public DateTimeOffset? FirstTimestamp { get; init; }
    public DateTimeOffset? LastTimestamp { get; init; }
    public EventSource? Source { get; init; }
}

/// <summary>The component that reports an event.</summary>
public sealed record EventSource
{
    public string? Component { get; init; }
    public string? Host { get; init; }
}

/// <summary>A pointer to another object.</summary>
public sealed record ObjectReference
{
    public string? ApiVersion { get; init; }
    public string? Kind { get; init; }
    public string? Name { get; init; }
    public string? Namespace { get; init; }
    public string? Uid { get; init; }
}
