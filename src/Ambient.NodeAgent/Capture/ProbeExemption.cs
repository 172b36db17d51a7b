using System.Net;

namespace Ambient.NodeAgent.Capture;

/// <summary>
/// Lets the kubelet's probes reach captured pods: on their way out of the node they get a source that the in-pod rules let pass.
/// Only connections of the kubelet's user (root on nearly every node) to pods in the mesh are given it.
/// </summary>
internal sealed class ProbeExemption(IProbeRules rules) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly Dictionary<string, IReadOnlyList<string>> _pods = new(StringComparer.Ordinal);
    private bool _stale = true;

    /// <summary>Lets probes of this pod pass.</summary>
    public Task AddAsync(string uid, IReadOnlyList<string> addresses, CancellationToken cancellation) => ChangeAsync(
        () =>
        {
            var changed = !(_pods.TryGetValue(uid, out var known) && known.SequenceEqual(addresses));
            _pods[uid] = addresses;
            return changed;
        },
        cancellation);

    /// <summary>Treats the pod's addresses, which another pod may get next, as any other.</summary>
    public Task RemoveAsync(string uid, CancellationToken cancellation) => ChangeAsync(() => _pods.Remove(uid), cancellation);

    /// <summary>Writes the rules again; something on the node may have flushed them.</summary>
    public Task ReassertAsync(CancellationToken cancellation) => ChangeAsync(static () => true, cancellation);

    /// <summary>Takes the rules out of the node.</summary>
    public Task UninstallAsync(CancellationToken cancellation) => rules.RemoveAsync(cancellation);

    public void Dispose() => _turn.Dispose();

    private async Task ChangeAsync(Func<bool> change, CancellationToken cancellation)
    {
        await _turn.WaitAsync(cancellation);
        try
        {
            _stale |= change();
            if (_stale)
            {
                await rules.ApplyAsync([.. _pods.Values.SelectMany(pod => pod).Select(IPAddress.Parse).Distinct()], cancellation);
                _stale = false;
            }
        }
        finally
        {
            _turn.Release();
        }
    }
}
