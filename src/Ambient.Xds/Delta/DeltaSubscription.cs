using Google.Protobuf;

namespace Ambient.Xds.Delta;

/// <summary>A resource as it came.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Version">Its version.</param>
/// <param name="Value">The encoded message.</param>
public readonly record struct ReceivedResource(string Name, string Version, ByteString Value);

/// <summary>A resource that could not be applied.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Reason">What is wrong, for the log of the control plane.</param>
public sealed record ResourceRejection(string Name, string Reason);

/// <summary>Takes the resources of one type.</summary>
public interface IResourceSink
{
    /// <summary>
    /// Applies one response: each good resource even if others are bad. Returns the bad ones; what they were before stays in force.
    /// Called by one task at a time.
    /// </summary>
    IReadOnlyList<ResourceRejection> Apply(IReadOnlyList<ReceivedResource> updates, IReadOnlyList<string> removals);
}

/// <summary>A type that a client asks for.</summary>
/// <param name="TypeUrl">The type.</param>
/// <param name="Sink">Who takes it.</param>
/// <param name="OnDemand">Only what is demanded by name, not everything.</param>
public sealed record DeltaSubscription(string TypeUrl, IResourceSink Sink, bool OnDemand = false);
