using Ambient.Mesh.Model;
using Ambient.Mesh.State;

namespace Ambient.Proxy.Discovery;

/// <summary>
/// Finds the mesh's record of a pod that enrolment named. A pod may be enrolled a moment before the control plane has told of it, so
/// who asks waits for a while.
/// </summary>
public sealed class LocalWorkloads(MeshStore mesh, TimeProvider time)
{
    /// <summary>How long a connection waits for its workload's record: as ztunnel has it.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>The record; null if it did not come in time. Completes at once where the record is there.</summary>
    public ValueTask<Workload?> FindAsync(WorkloadKey key, CancellationToken cancellation)
    {
        var found = mesh.Current.FindLocalWorkload(key);
        return found is not null ? new(found) : new(WaitAsync(key, cancellation));
    }

    private async Task<Workload?> WaitAsync(WorkloadKey key, CancellationToken cancellation)
    {
        var arrived = new TaskCompletionSource<Workload>(TaskCreationOptions.RunContinuationsAsynchronously);
        void Look(MeshChange change)
        {
            if (change.After.FindLocalWorkload(key) is { } workload)
            {
                arrived.TrySetResult(workload);
            }
        }

        mesh.Changed += Look;
        try
        {
            // It may have come between the first look and the subscription.
            if (mesh.Current.FindLocalWorkload(key) is { } workload)
            {
                return workload;
            }

            return await arrived.Task.WaitAsync(Patience, time, cancellation);
        }
        catch (TimeoutException)
        {
            return null;
        }
        finally
        {
            mesh.Changed -= Look;
        }
    }
}
