using System.Text.Json.Serialization;

namespace Ambient.Api.Kubernetes;

/// <summary>A pod.</summary>
public sealed record Pod : IResource
{
    public string? ApiVersion { get; init; } = "v1";
    public string? Kind { get; init; } = "Pod";
    public ObjectMeta Metadata { get; init; } = new();
    public PodSpec? Spec { get; init; }
    public PodStatus? Status { get; init; }
}

/// <summary>What a pod is meant to run.</summary>
public sealed record PodSpec
{
    public string? NodeName { get; init; }
    public string? ServiceAccountName { get; init; }
    public bool? HostNetwork { get; init; }
    public string? RestartPolicy { get; init; }
    public long? TerminationGracePeriodSeconds { get; init; }
    public IReadOnlyList<Container>? Containers { get; init; }
    public IReadOnlyList<Container>? InitContainers { get; init; }
    public IReadOnlyDictionary<string, string>? NodeSelector { get; init; }
    public bool? AutomountServiceAccountToken { get; init; }
    public IReadOnlyList<Volume>? Volumes { get; init; }

    /// <summary><c>ClusterFirst</c> (the default), <c>ClusterFirstWithHostNet</c>, <c>Default</c> or <c>None</c>.</summary>
    public string? DnsPolicy { get; init; }
}

/// <summary>One container.</summary>
public sealed record Container
{
    public string Name { get; init; } = "";
    public string? Image { get; init; }
    public IReadOnlyList<string>? Command { get; init; }
    public IReadOnlyList<string>? Args { get; init; }
    public string? WorkingDir { get; init; }
    public string? RestartPolicy { get; init; }
    public IReadOnlyList<EnvVar>? Env { get; init; }
    public IReadOnlyList<ContainerPort>? Ports { get; init; }
    public Probe? ReadinessProbe { get; init; }
    public Probe? LivenessProbe { get; init; }
    public Probe? StartupProbe { get; init; }
    public IReadOnlyList<VolumeMount>? VolumeMounts { get; init; }
}

/// <summary>An environment variable: a value, or a field of the pod.</summary>
public sealed record EnvVar
{
    public string Name { get; init; } = "";
    public string? Value { get; init; }
    public EnvVarSource? ValueFrom { get; init; }
}

/// <summary>Where an environment variable's value comes from.</summary>
public sealed record EnvVarSource
{
    public ObjectFieldSelector? FieldRef { get; init; }
    public ResourceFieldSelector? ResourceFieldRef { get; init; }
}

/// <summary>A resource limit or request of a container, e.g. <c>limits.cpu</c>.</summary>
public sealed record ResourceFieldSelector
{
    public string? Resource { get; init; }
}

/// <summary>A field of the pod, e.g. <c>metadata.name</c>.</summary>
public sealed record ObjectFieldSelector
{
    public string? FieldPath { get; init; }
}

/// <summary>A port that a container names.</summary>
public sealed record ContainerPort
{
    public string? Name { get; init; }

    [JsonPropertyName("containerPort")]
    public int Port { get; init; }

    public string? Protocol { get; init; }
}

/// <summary>How to ask a container whether it is well.</summary>
public sealed record Probe
{
    public HttpGetAction? HttpGet { get; init; }
    public TcpSocketAction? TcpSocket { get; init; }
    public ExecAction? Exec { get; init; }
    public int? InitialDelaySeconds { get; init; }
    public int? PeriodSeconds { get; init; }
    public int? TimeoutSeconds { get; init; }
    public int? SuccessThreshold { get; init; }
    public int? FailureThreshold { get; init; }
}

/// <summary>A probe by HTTP GET: 2xx or 3xx is well.</summary>
public sealed record HttpGetAction
{
    public string? Path { get; init; }
    public IntOrString Port { get; init; }
    public string? Host { get; init; }
    public string? Scheme { get; init; }
}

/// <summary>A probe by TCP connection.</summary>
public sealed record TcpSocketAction
{
    public IntOrString Port { get; init; }
}

/// <summary>A probe by command: exit code 0 is well.</summary>
public sealed record ExecAction
{
    public IReadOnlyList<string>? Command { get; init; }
}

/// <summary>What a pod is.</summary>
public sealed record PodStatus
{
    /// <summary><c>Pending</c>, <c>Running</c>, <c>Succeeded</c>, <c>Failed</c> or <c>Unknown</c>.</summary>
    public string? Phase { get; init; }
    public string? Reason { get; init; }
    public string? Message { get; init; }
    public string? HostIP { get; init; }
    public string? PodIP { get; init; }
    public IReadOnlyList<PodIP>? PodIPs { get; init; }
    public IReadOnlyList<Condition>? Conditions { get; init; }
    public IReadOnlyList<ContainerStatus>? InitContainerStatuses { get; init; }
    public IReadOnlyList<ContainerStatus>? ContainerStatuses { get; init; }
    public DateTimeOffset? StartTime { get; init; }
}

/// <summary>One address of a pod.</summary>
public sealed record PodIP
{
    public string? Ip { get; init; }
}

/// <summary>What a container is doing.</summary>
public sealed record ContainerStatus
{
    public string? Name { get; init; }
    public string? Image { get; init; }
    public string? ImageID { get; init; }
    public string? ContainerID { get; init; }
    public bool? Ready { get; init; }
    public bool? Started { get; init; }
    public int? RestartCount { get; init; }
    public ContainerState? State { get; init; }
    public ContainerState? LastState { get; init; }
}

/// <summary>Exactly one of the three is set.</summary>
public sealed record ContainerState
{
    public ContainerStateRunning? Running { get; init; }
    public ContainerStateWaiting? Waiting { get; init; }
    public ContainerStateTerminated? Terminated { get; init; }
}

/// <summary>A container that runs.</summary>
public sealed record ContainerStateRunning
{
    public DateTimeOffset? StartedAt { get; init; }
}

/// <summary>A container that has not started.</summary>
public sealed record ContainerStateWaiting
{
    public string? Reason { get; init; }
    public string? Message { get; init; }
}

/// <summary>A container that has ended.</summary>
public sealed record ContainerStateTerminated
{
    public int? ExitCode { get; init; }
    public int? Signal { get; init; }
    public string? Reason { get; init; }
    public string? Message { get; init; }
    public DateTimeOffset? StartedAt { get; init; }
    public DateTimeOffset? FinishedAt { get; init; }
}
