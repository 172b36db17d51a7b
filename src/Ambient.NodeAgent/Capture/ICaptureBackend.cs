using Ambient.Linux;

namespace Ambient.NodeAgent.Capture;

/// <summary>A packet filter of the kernel, as the means to capture a pod's traffic.</summary>
internal interface ICaptureBackend
{
    /// <summary>As messages name it.</summary>
    string Name { get; }

    /// <summary>Puts the rules in, or replaces what is there of ours; other rules stay.</summary>
    Task ApplyAsync(NetworkNamespace ns, CaptureOptions options, CancellationToken cancellation);

    /// <summary>Reads the rules back: null where all are there and in order, otherwise what is not.</summary>
    Task<string?> FindDriftAsync(NetworkNamespace ns, CaptureOptions options, CancellationToken cancellation);

    /// <summary>Takes the rules out; a namespace without them is fine.</summary>
    Task RemoveAsync(NetworkNamespace ns, CaptureOptions options, CancellationToken cancellation);

    /// <summary>The same packet filter's rules for the node.</summary>
    IProbeRules ProbeRules(CaptureOptions options, int kubeletUser);
}
