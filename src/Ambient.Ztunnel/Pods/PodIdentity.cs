using System.Collections.Immutable;
using System.Net;
using Ambient.Linux;
using Ambient.Mesh.Routing;
using Ambient.Mesh.State;

namespace Ambient.Ztunnel.Pods;

/// <summary>A connection, as <c>/config_dump</c> shows it.</summary>
internal sealed record TrackedConnection(
    IPEndPoint Source, IPEndPoint OriginalDestination, IPEndPoint ActualDestination, OutboundKind Kind, bool Inbound);

/// <summary>Which pod it is, and what it has open.</summary>
internal sealed class PodIdentity(string uid, WorkloadKey key, NamespaceId namespaceId)
{
    private ImmutableList<ConnectionSet> _sets = [];

    /// <summary>The pod's uid, as enrolment names it.</summary>
    public string Uid { get; } = uid;

    /// <summary>Name, namespace and account.</summary>
    public WorkloadKey Key { get; } = key;

    /// <summary>Its network namespace.</summary>
    public NamespaceId NamespaceId { get; } = namespaceId;

    /// <summary>What stands now. From any thread.</summary>
    public IReadOnlyList<TrackedConnection> Connections => [.. _sets.SelectMany(set => set.Shown)];

    /// <summary>Shows the connections of a set, which lives as long as the pod. From any thread.</summary>
    public ConnectionSet Show(ConnectionSet set)
    {
        ImmutableInterlocked.Update(ref _sets, static (sets, added) => sets.Add(added), set);
        return set;
    }
}
