using Ambient.Kubernetes;
using Microsoft.Extensions.Logging;

namespace Ambient.Sandbox.Controllers;

/// <summary>Brings objects, one at a time, from what is to what should be; a failed attempt is made again after a growing pause.</summary>
internal abstract class Controller(string name, ILogger logger, TimeProvider time)
{
    /// <summary>Keys whose object, or something that belongs to it, has changed. A sandbox holds some hundred objects.</summary>
    protected WorkQueue<ObjectKey> Queue { get; } = new(name, 65_536, logger, time)
    {
        FirstPause = TimeSpan.FromMilliseconds(50),
        LongestPause = TimeSpan.FromSeconds(5),
    };

    /// <summary>Works until cancelled.</summary>
    public Task RunAsync(CancellationToken ct) => Queue.RunAsync(ReconcileAsync, 1, ct);

    /// <summary>Brings one object to what it should be.</summary>
    protected abstract Task ReconcileAsync(ObjectKey key, CancellationToken ct);
}
