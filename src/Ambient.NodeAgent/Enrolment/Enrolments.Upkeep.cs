using Ambient.Api;
using Ambient.Api.Kubernetes;
using Ambient.NodeAgent.Capture;
using Ambient.NodeAgent.Zds;

namespace Ambient.NodeAgent.Enrolment;

/// <summary>What keeps the enrolled pods enrolled: taking them over from an earlier run, and looking after them.</summary>
internal sealed partial class Enrolments
{
    /// <summary>
    /// Takes over the pods that an earlier run of an agent has annotated: those that are to stay, so that ztunnel is not told to drop
    /// them, and those whose labels have changed meanwhile, so that they are let go.
    /// </summary>
    public async Task RestoreAsync(CancellationToken cancellation)
    {
        records.KeepOnly(pods.All.Select(pod => pod.Metadata.Uid!).ToHashSet(StringComparer.Ordinal));
        foreach (var pod in pods.All.Where(pod => pod.Metadata.Annotation(Annotations.Redirection) is not null && !HasEnded(pod)))
        {
            var stays = Decide(pod) is not { Enrol: false };
            var enrolled = await TakeTurnAsync(pod, cancellation);
            try
            {
                await FindNamespaceAsync(enrolled, pod, cancellation);
                if (stays)
                {
                    // Applied again, whatever is there: a new agent may want other rules. ztunnel hears of it when it connects.
                    await capture.ApplyAsync(enrolled.Namespace!, options.For(pod), cancellation);
                    enrolled.Captured = true;
                    enrolled.Addresses = [.. AddressesOf(pod).Select(address => address.ToString())];
                    await probes.AddAsync(enrolled.Uid, enrolled.Addresses, cancellation);
                }
            }
            catch (CaptureException failure)
            {
                logger.NotYet(pod.Metadata.Namespace, pod.Metadata.Name, failure.Message); // the queue tries again
            }
            finally
            {
                enrolled.Turn.Release();
            }
        }
    }

    /// <summary>
    /// Looks after all enrolled pods: whether their namespace is still theirs, their rules are there and their annotation says so. What
    /// is not is put right, counted, and told to the pod's owner.
    /// </summary>
    public async Task VerifyAsync(CancellationToken cancellation)
    {
        foreach (var enrolled in _enrolled.Values)
        {
            await enrolled.Turn.WaitAsync(cancellation);
            try
            {
                if (!enrolled.Left && enrolled.Captured && pods.Find(enrolled.Uid) is { } pod
                    && !HasEnded(pod) && Decide(pod) is { Enrol: true })
                {
                    await VerifyAsync(enrolled, pod, cancellation);
                }
            }
            catch (Exception failure) when (failure is CaptureException or ZdsException)
            {
                logger.NotYet(null, enrolled.Uid, failure.Message);
            }
            finally
            {
                enrolled.Turn.Release();
            }
        }

        await probes.ReassertAsync(cancellation);
    }

    private async Task VerifyAsync(EnrolledPod enrolled, Pod pod, CancellationToken cancellation)
    {
        var ns = enrolled.Namespace!;
        if (await PodNamespaceFinder.WhyNotOwnedAsync(ns, AddressesOf(pod), cancellation) is { } reason && AddressesOf(pod).Count > 0)
        {
            metrics.Drift();
            enrolled.Forget();
            await WarnAsync(enrolled, pod, "CaptureLost", $"The pod's network namespace was replaced ({reason}); it is looked for again.", cancellation);
            await FindNamespaceAsync(enrolled, pod, cancellation);
        }
        else if (await capture.FindDriftAsync(ns, options.For(pod), cancellation) is { } drift)
        {
            metrics.Drift();
            enrolled.Captured = false;
            await WarnAsync(
                enrolled, pod, "CaptureLost", $"Traffic was not captured as it should be ({drift}); the rules are applied again.", cancellation);
        }
        else if (enrolled.Annotated == pod.Metadata.Annotation(Annotations.Redirection))
        {
            return;
        }
        else
        {
            enrolled.Annotated = pod.Metadata.Annotation(Annotations.Redirection); // somebody else has written it
        }

        await EnrolAsync(enrolled, pod, cancellation);
    }
}

/// <summary>What the agent writes on a pod; the control plane tells peers to use HBONE for the first of them only.</summary>
internal static class Redirection
{
    /// <summary>Captured, and ztunnel serves it.</summary>
    public const string Enabled = "enabled";

    /// <summary>Captured, and no ztunnel has taken it yet.</summary>
    public const string Pending = "pending";
}
