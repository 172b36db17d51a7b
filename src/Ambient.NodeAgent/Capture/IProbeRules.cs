using System.Net;

namespace Ambient.NodeAgent.Capture;

/// <summary>A packet filter of the node, as the means to give the kubelet's probes a source that captured pods let pass.</summary>
internal interface IProbeRules
{
    /// <summary>Replaces what is there: connections of the kubelet to these addresses get the probe's source, others do not.</summary>
    Task ApplyAsync(IReadOnlyCollection<IPAddress> pods, CancellationToken cancellation);

    /// <summary>Takes everything out.</summary>
    Task RemoveAsync(CancellationToken cancellation);
}
