namespace Ambient.Api.Kubernetes;

/// <summary>Hosts that no Kubernetes service stands for (networking.istio.io/v1).</summary>
public sealed record ServiceEntry : IResource
{
    public string? ApiVersion { get; init; } = "networking.istio.io/v1";
    public string? Kind { get; init; } = "ServiceEntry";
    public ObjectMeta Metadata { get; init; } = new();
    public ServiceEntrySpec? Spec { get; init; }
    public ServiceEntryStatus? Status { get; init; }
}

/// <summary>The hosts, and where they are.</summary>
public sealed record ServiceEntrySpec
{
    public IReadOnlyList<string>? Hosts { get; init; }

    /// <summary>Addresses or CIDR blocks by which clients reach it.</summary>
    public IReadOnlyList<string>? Addresses { get; init; }

    public IReadOnlyList<ServiceEntryPort>? Ports { get; init; }

    /// <summary><c>MESH_EXTERNAL</c> or <c>MESH_INTERNAL</c>.</summary>
    public string? Location { get; init; }

    /// <summary><c>NONE</c> (also when absent), <c>STATIC</c>, <c>DNS</c>, <c>DNS_ROUND_ROBIN</c> or <c>DYNAMIC_DNS</c>.</summary>
    public string? Resolution { get; init; }

    public IReadOnlyList<WorkloadEntrySpec>? Endpoints { get; init; }
    public EntrySelector? WorkloadSelector { get; init; }
    public IReadOnlyList<string>? ExportTo { get; init; }
    public IReadOnlyList<string>? SubjectAltNames { get; init; }
}

/// <summary>Pods and WorkloadEntries of the same namespace by their labels.</summary>
public sealed record EntrySelector
{
    public IReadOnlyDictionary<string, string>? Labels { get; init; }
}

/// <summary>One port of a ServiceEntry.</summary>
public sealed record ServiceEntryPort
{
    public int Number { get; init; }
    public string? Name { get; init; }
    public string? Protocol { get; init; }
    public int? TargetPort { get; init; }
}

/// <summary>What is known of a ServiceEntry beside what it says.</summary>
public sealed record ServiceEntryStatus
{
    public IReadOnlyList<Condition>? Conditions { get; init; }

    /// <summary>Addresses that were allocated for its hosts.</summary>
    public IReadOnlyList<ServiceEntryAddress>? Addresses { get; init; }
}

/// <summary>An address that was allocated for a host.</summary>
public sealed record ServiceEntryAddress
{
    public string? Value { get; init; }
    public string? Host { get; init; }
}

/// <summary>A workload that is no pod, a virtual machine say (networking.istio.io/v1).</summary>
public sealed record WorkloadEntry : IResource
{
    public string? ApiVersion { get; init; } = "networking.istio.io/v1";
    public string? Kind { get; init; } = "WorkloadEntry";
    public ObjectMeta Metadata { get; init; } = new();
    public WorkloadEntrySpec? Spec { get; init; }
    public PolicyStatus? Status { get; init; }
}

/// <summary>Where a workload is, and as what it runs; also an endpoint of a ServiceEntry.</summary>
public sealed record WorkloadEntrySpec
{
    /// <summary>An IP address, or a host name to look up.</summary>
    public string? Address { get; init; }

    /// <summary>Ports by the names of the service's ports, where they differ.</summary>
    public IReadOnlyDictionary<string, int>? Ports { get; init; }

    public IReadOnlyDictionary<string, string>? Labels { get; init; }
    public string? Network { get; init; }

    /// <summary><c>region/zone/subzone</c>.</summary>
    public string? Locality { get; init; }

    public int? Weight { get; init; }
    public string? ServiceAccount { get; init; }
}
