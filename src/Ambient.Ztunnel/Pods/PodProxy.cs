using Ambient.Linux;
using Ambient.Mesh.State;
using Ambient.Proxy.Sockets;

namespace Ambient.Ztunnel.Pods;

/// <summary>The proxy of one pod: a share on every loop, in the pod's network namespace. From any thread.</summary>
internal sealed class PodProxy : IDisposable
{
    private readonly IReadOnlyList<(DataLoop Data, PodShare Share)> _shares;
    private readonly NetworkNamespace? _space;

    private PodProxy(PodIdentity pod, IReadOnlyList<(DataLoop, PodShare)> shares, NetworkNamespace? space)
    {
        Pod = pod;
        _shares = shares;
        _space = space;
    }

    /// <summary>Which pod it is, and what it has open.</summary>
    public PodIdentity Pod { get; }

    /// <summary>Listens on every loop, then serves. Waits for nothing else: the first connection waits for record and certificate.</summary>
    /// <param name="plane">What all pods share.</param>
    /// <param name="loops">The loops of the data plane.</param>
    /// <param name="uid">The pod's uid.</param>
    /// <param name="key">Its name, namespace and account.</param>
    /// <param name="space">Its network namespace, owned from now on; null for our own (a dedicated proxy).</param>
    /// <exception cref="LinuxException">A listener cannot be made; none is left behind, and the namespace is still the caller's.</exception>
    public static async Task<PodProxy> StartAsync(
        DataPlane plane, IReadOnlyList<DataLoop> loops, string uid, WorkloadKey key, NetworkNamespace? space)
    {
        var pod = new PodIdentity(uid, key, space?.Id ?? default);
        var sockets = new ProxySockets(plane.Configuration.Sockets, space);
        var shares = new List<(DataLoop Data, PodShare Share)>();
        try
        {
            foreach (var data in loops)
            {
                shares.Add((data, await data.Loop.RunAsync(() => Task.FromResult(PodShare.Open(plane, data, pod, sockets)))));
            }
        }
        catch
        {
            foreach (var (data, share) in shares)
            {
                await data.Loop.RunAsync(() =>
                {
                    share.Stop();
                    return share.DisposeAsync().AsTask();
                });
            }

            throw;
        }

        foreach (var (data, share) in shares)
        {
            data.Loop.Post(static state => ((PodShare)state!).Start(), share);
        }

        return new PodProxy(pod, shares, space);
    }

    /// <summary>Takes nothing new and completes when what is open has ended, or was cut because the token said so.</summary>
    public async Task DrainAsync(CancellationToken cut)
    {
        await Task.WhenAll(_shares.Select(share => share.Data.Loop.RunAsync(async () =>
        {
            share.Share.Stop();
            using var registration = cut.UnsafeRegister(
                static state =>
                {
                    var (data, pod) = ((DataLoop, PodShare))state!;
                    data.Loop.Post(static share => ((PodShare)share!).Abort(), pod);
                },
                (share.Data, share.Share));
            await share.Share.DisposeAsync();
        })));
        Dispose();
    }

    /// <summary>Cuts everything now: the pod is gone.</summary>
    public Task StopAsync() => DrainAsync(new CancellationToken(canceled: true));

    /// <inheritdoc />
    public void Dispose() => _space?.Dispose();
}
