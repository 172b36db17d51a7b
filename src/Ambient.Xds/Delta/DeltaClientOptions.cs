namespace Ambient.Xds.Delta;

/// <summary>How a <see cref="DeltaClient"/> connects again.</summary>
public sealed record DeltaClientOptions
{
    /// <summary>The first wait after an error, and the only one after an end that was to be expected.</summary>
    public TimeSpan FirstBackoff { get; init; } = TimeSpan.FromMilliseconds(10);

    /// <summary>
    /// The longest wait; waits double up to it. ztunnel waits up to 15 s; three seconds keep the promise that everything is as before
    /// five seconds after a control plane is back, and cost it a refused connection a node each three seconds while it is not.
    /// </summary>
    public TimeSpan MaxBackoff { get; init; } = TimeSpan.FromSeconds(3);
}
