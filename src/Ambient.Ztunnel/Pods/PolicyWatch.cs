using Ambient.Mesh.State;
using Ambient.Ztunnel.Paths;

namespace Ambient.Ztunnel.Pods;

/// <summary>
/// Applies changes of policies to connections that are open: when a policy comes, changes or goes, and when a workload's own list of
/// policies changes. Changes that come while connections are judged are gathered for the next round. A workload that names a policy which is
/// not known is judged a moment later: its policy and its list come in different messages, and the order says nothing.
/// </summary>
internal sealed class PolicyWatch : IDisposable
{
    /// <summary>Longer than two messages of one push are apart, and as long as new connections wait for the same reason.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly MeshStore _mesh;
    private readonly IReadOnlyList<DataLoop> _loops;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _wake = new(0, 1);
    private readonly Lock _lock = new();
    private HashSet<string> _concerned = new(StringComparer.Ordinal);
    private bool _all;

    public PolicyWatch(MeshStore mesh, IReadOnlyList<DataLoop> loops, TimeProvider time)
    {
        _mesh = mesh;
        _loops = loops;
        _time = time;
        mesh.Changed += Note;
    }

    /// <summary>Judges open connections after each change, until it is cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        var late = new HashSet<string>(StringComparer.Ordinal);
        var lateSince = 0L;
        while (true)
        {
            var woken = late.Count == 0
                ? await WaitAsync(Timeout.InfiniteTimeSpan, cancellation)
                : await WaitAsync(Remaining(lateSince), cancellation);
            var (all, concerned) = woken ? Take() : (false, []);
            var mesh = _mesh.Current;
            var due = late.Count > 0 && Remaining(lateSince) <= TimeSpan.Zero;

            var newlyLate = new System.Collections.Concurrent.ConcurrentDictionary<string, bool>(StringComparer.Ordinal);
            await Task.WhenAll(_loops.Select(data => data.Loop.RunAsync(() => data.Live.ReevaluateAsync(mesh, uid =>
            {
                if (!all && !concerned.Contains(uid) && !late.Contains(uid))
                {
                    return false;
                }

                if (InboundGate.HasAllPolicies(mesh, uid) || (due && late.Contains(uid)))
                {
                    return true;
                }

                newlyLate[uid] = true;
                return false;
            }))));

            if (due || late.Count == 0)
            {
                lateSince = _time.GetTimestamp();
                late.Clear();
            }

            late.RemoveWhere(uid => InboundGate.HasAllPolicies(mesh, uid));
            late.UnionWith(newlyLate.Keys);
        }
    }

    public void Dispose()
    {
        _mesh.Changed -= Note;
        _wake.Dispose();
    }

    private TimeSpan Remaining(long since) => Patience - _time.GetElapsedTime(since) is { Ticks: > 0 } left ? left : TimeSpan.Zero;

    private async Task<bool> WaitAsync(TimeSpan time, CancellationToken cancellation) => await _wake.WaitAsync(time, cancellation);

    private void Note(MeshChange change)
    {
        if (!change.PoliciesChanged && change.WorkloadsPoliced.Count == 0)
        {
            return;
        }

        lock (_lock)
        {
            _all |= change.PoliciesChanged;
            _concerned.UnionWith(change.WorkloadsPoliced);
            if (_wake.CurrentCount == 0)
            {
                _wake.Release();
            }
        }
    }

    private (bool All, HashSet<string> Concerned) Take()
    {
        lock (_lock)
        {
            var taken = (_all, _concerned);
            (_all, _concerned) = (false, new HashSet<string>(StringComparer.Ordinal));
            return taken;
        }
    }
}
