namespace Ambient.Api.Kubernetes;

/// <summary>A deployment (apps/v1).</summary>
public sealed record Deployment : IResource
{
    public string? ApiVersion { get; init; } = "apps/v1";
    public string? Kind { get; init; } = "Deployment";
    public ObjectMeta Metadata { get; init; } = new();
    public WorkloadSetSpec? Spec { get; init; }
    public WorkloadSetStatus? Status { get; init; }
}

/// <summary>A replica set (apps/v1).</summary>
public sealed record ReplicaSet : IResource
{
    public string? ApiVersion { get; init; } = "apps/v1";
    public string? Kind { get; init; } = "ReplicaSet";
    public ObjectMeta Metadata { get; init; } = new();
    public WorkloadSetSpec? Spec { get; init; }
    public WorkloadSetStatus? Status { get; init; }
}

/// <summary>A daemon set (apps/v1).</summary>
public sealed record DaemonSet : IResource
{
    public string? ApiVersion { get; init; } = "apps/v1";
    public string? Kind { get; init; } = "DaemonSet";
    public ObjectMeta Metadata { get; init; } = new();
    public WorkloadSetSpec? Spec { get; init; }
    public WorkloadSetStatus? Status { get; init; }
}

/// <summary>What deployments, replica sets and daemon sets are meant to run.</summary>
public sealed record WorkloadSetSpec
{
    public int? Replicas { get; init; }
    public LabelSelector? Selector { get; init; }
    public PodTemplateSpec? Template { get; init; }
}

/// <summary>The pod that a set makes.</summary>
public sealed record PodTemplateSpec
{
    public ObjectMeta Metadata { get; init; } = new();
    public PodSpec? Spec { get; init; }
}

/// <summary>How far a set has come.</summary>
public sealed record WorkloadSetStatus
{
    public long? ObservedGeneration { get; init; }
    public int? Replicas { get; init; }
    public int? ReadyReplicas { get; init; }
    public int? AvailableReplicas { get; init; }
    public int? UpdatedReplicas { get; init; }
    public int? UnavailableReplicas { get; init; }
    public IReadOnlyList<Condition>? Conditions { get; init; }
}

/// <summary>A lease (coordination.k8s.io/v1), by which leaders are elected.</summary>
public sealed record Lease : IResource
{
    public string? ApiVersion { get; init; } = "coordination.k8s.io/v1";
    public string? Kind { get; init; } = "Lease";
    public ObjectMeta Metadata { get; init; } = new();
    public LeaseSpec? Spec { get; init; }
}

/// <summary>Who holds a lease, and until when.</summary>
public sealed record LeaseSpec
{
    public string? HolderIdentity { get; init; }
    public int? LeaseDurationSeconds { get; init; }
    public DateTimeOffset? AcquireTime { get; init; }
    public DateTimeOffset? RenewTime { get; init; }
    public int? LeaseTransitions { get; init; }
}
