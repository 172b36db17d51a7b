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
    private readonly Lock _lock = new();
    private readonly HashSet<TrackedConnection> _connections = new(ReferenceEqualityComparer.Instance);

    /// <summary>The pod's uid, as enrolment names it.</summary>
    public string Uid { get; } = uid;

    /// <summary>Name, namespace and account.</summary>
    public WorkloadKey Key { get; } = key;

    /// <summary>Its network namespace.</summary>
    public NamespaceId NamespaceId { get; } = namespaceId;

    /// <summary>What is open now. From any thread.</summary>
    public IReadOnlyList<TrackedConnection> Connections
    {
        get
        {
            lock (_lock)
            {
                return [.. _connections];
            }
        }
    }

    /// <summary>Shows a connection until the result is disposed. The lock is taken twice a connection, never for a chunk.</summary>
    public Tracking Track(TrackedConnection connection)
    {
        lock (_lock)
        {
            _connections.Add(connection);
        }

        return new Tracking(this, connection);
    }

    /// <summary>Ends showing a connection.</summary>
    internal readonly struct Tracking(PodIdentity pod, TrackedConnection connection) : IDisposable
    {
        public void Dispose()
        {
            lock (pod._lock)
            {
                pod._connections.Remove(connection);
            }
        }
    }
}
