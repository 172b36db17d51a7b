namespace Ambient.Api.Kubernetes;

/// <summary>A folder of a pod; exactly one source is set.</summary>
public sealed record Volume
{
    public string Name { get; init; } = "";
    public HostPathVolume? HostPath { get; init; }
    public EmptyDirVolume? EmptyDir { get; init; }
    public ConfigMapVolume? ConfigMap { get; init; }
    public SecretVolume? Secret { get; init; }
    public ProjectedVolume? Projected { get; init; }
}

/// <summary>Where a container sees a volume.</summary>
public sealed record VolumeMount
{
    public string Name { get; init; } = "";
    public string MountPath { get; init; } = "";
    public string? SubPath { get; init; }
    public bool? ReadOnly { get; init; }
}

/// <summary>A path of the node.</summary>
public sealed record HostPathVolume
{
    public string Path { get; init; } = "";
    public string? Type { get; init; }
}

/// <summary>An empty folder that lives as long as the pod.</summary>
public sealed record EmptyDirVolume
{
    public string? Medium { get; init; }
}

/// <summary>A configuration map's keys as files.</summary>
public sealed record ConfigMapVolume
{
    public string Name { get; init; } = "";
    public IReadOnlyList<KeyToPath>? Items { get; init; }
    public bool? Optional { get; init; }
}

/// <summary>A secret's keys as files; a projection names it by <see cref="Name"/>, a volume by <see cref="SecretName"/>.</summary>
public sealed record SecretVolume
{
    public string? SecretName { get; init; }
    public string? Name { get; init; }
    public IReadOnlyList<KeyToPath>? Items { get; init; }
    public bool? Optional { get; init; }
}

/// <summary>One key, and the file that it becomes.</summary>
public sealed record KeyToPath
{
    public string Key { get; init; } = "";
    public string Path { get; init; } = "";
}

/// <summary>Several sources in one folder.</summary>
public sealed record ProjectedVolume
{
    public IReadOnlyList<VolumeProjection>? Sources { get; init; }
}

/// <summary>One source of a projected volume; exactly one is set.</summary>
public sealed record VolumeProjection
{
    public ServiceAccountTokenProjection? ServiceAccountToken { get; init; }
    public ConfigMapVolume? ConfigMap { get; init; }
    public SecretVolume? Secret { get; init; }
}

/// <summary>A token of the pod's service account, renewed before it expires.</summary>
public sealed record ServiceAccountTokenProjection
{
    public string? Audience { get; init; }
    public long? ExpirationSeconds { get; init; }
    public string Path { get; init; } = "";
}
