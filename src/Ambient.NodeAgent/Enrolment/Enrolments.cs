using System.Collections.Concurrent;
using System.Net;
using Ambient.Api;
using Ambient.Api.Kubernetes;
using Ambient.Linux;
using Ambient.NodeAgent.Capture;
using Ambient.NodeAgent.Zds;
using Microsoft.Extensions.Logging;

namespace Ambient.NodeAgent.Enrolment;

/// <summary>
/// Brings each pod of the node to where its labels want it, step by step and as often as needed. Path "a pod joins":
/// <code>
/// container runtime ── CNI plugin ──┐
/// watch of pods, namespaces ────────┼─▶ 1 eligible? ─▶ 2 namespace verified ─▶ 3 rules applied and read back
/// timer, ztunnel came or went ──────┘        └─▶ 4 ztunnel told, acknowledged ─▶ 5 probes let through ─▶ 6 annotated
/// </code>
/// From step 3 on a connection either passes ztunnel or fails. What the agent wrote on the pod is never asked; what the kernel and
/// ztunnel say is.
/// </summary>
internal sealed partial class Enrolments(
    PodDirectory pods,
    EnablementSelector selector,
    CaptureOptions options,
    PodCapture capture,
    PodNamespaceFinder finder,
    PodRecords records,
    ProbeExemption probes,
    PodReports reports,
    AgentMetrics metrics,
    ILogger<Enrolments> logger)
{
    private readonly ConcurrentDictionary<string, EnrolledPod> _enrolled = new(StringComparer.Ordinal);

    /// <summary>Where ztunnel is told; set once, because the server needs this object's snapshot in turn.</summary>
    public required ZdsServer Ztunnel { private get; init; }

    /// <summary>
    /// What a ztunnel that connects is told: every captured pod, and those of an earlier run whose namespace is not found yet, which
    /// it is to keep if it has them.
    /// </summary>
    public IReadOnlyList<ZdsPod> Snapshot() =>
        [.. from enrolled in _enrolled.Values
            where enrolled.Captured || enrolled is { Namespace: null, Annotated: Redirection.Enabled }
            let pod = pods.Find(enrolled.Uid)
            where pod is not null && !HasEnded(pod)
            select Describe(pod, enrolled)];

    /// <summary>How many pods want to be in the mesh and are not captured.</summary>
    public int Uncaptured => pods.All.Count(pod => !HasEnded(pod) && Decide(pod) is { Enrol: true }
        && !(_enrolled.TryGetValue(pod.Metadata.Uid!, out var enrolled) && enrolled.Captured));

    /// <summary>The container runtime makes a pod's sandbox: null where its containers may start, otherwise why not.</summary>
    public async Task<string?> AddFromRuntimeAsync(
        string ns, string name, string netns, IReadOnlyList<IPAddress> addresses, CancellationToken cancellation)
    {
        try
        {
            var pod = await pods.FetchAsync(ns, name, cancellation);
            if (Decide(pod) is not { } verdict)
            {
                return $"namespace {ns} is not known yet";
            }

            // Also of a pod that stays out: its labels may change, and it need not have a process then by which to find it.
            records.Write(pod.Metadata.Uid!, netns);
            if (!verdict.Enrol)
            {
                return null;
            }

            var enrolled = await TakeTurnAsync(pod, cancellation);
            try
            {
                enrolled.Enter(await finder.OpenAsync(netns, addresses, cancellation));
                enrolled.Addresses = [.. addresses.Select(address => address.ToString())];
                await EnrolAsync(enrolled, pod, cancellation);
                return null;
            }
            catch (Exception failure) when (failure is CaptureException or ZdsException)
            {
                await WarnAsync(enrolled, pod, "CaptureFailed", failure.Message, cancellation);
                throw;
            }
            finally
            {
                enrolled.Turn.Release();
            }
        }
        catch (Exception failure) when (failure is CaptureException or ZdsException or PodUnknownException or IOException or HttpRequestException)
        {
            logger.Refused(ns, name, failure.Message);
            return failure.Message;
        }
    }

    /// <summary>Brings one pod where it should be.</summary>
    /// <exception cref="CaptureException">Not yet possible; to be tried again.</exception>
    /// <exception cref="ZdsException">ztunnel is missing or refused; to be tried again.</exception>
    public async Task ReconcileAsync(string uid, CancellationToken cancellation)
    {
        var pod = pods.Find(uid);
        if (pod is null || HasEnded(pod) || Decide(pod) is { Enrol: false })
        {
            await LeaveAsync(uid, pod, cancellation);
        }
        else if (Decide(pod) is { Enrol: true })
        {
            await JoinAsync(pod, cancellation);
        }
    }

    private async Task JoinAsync(Pod pod, CancellationToken cancellation)
    {
        if (AddressesOf(pod).Count == 0 && !_enrolled.ContainsKey(pod.Metadata.Uid!))
        {
            return; // its sandbox is still being made; the plugin asks for it, or a later change of the pod does
        }

        var enrolled = await TakeTurnAsync(pod, cancellation);
        try
        {
            if (enrolled.Namespace is null)
            {
                await FindNamespaceAsync(enrolled, pod, cancellation);
            }

            await EnrolAsync(enrolled, pod, cancellation);
        }
        catch (Exception failure) when (failure is CaptureException or ZdsException)
        {
            await WarnAsync(enrolled, pod, "CaptureFailed", failure.Message, cancellation);
            throw;
        }
        finally
        {
            enrolled.Turn.Release();
        }
    }

    /// <summary>Steps 3 to 6; each is skipped where it holds already.</summary>
    private async Task EnrolAsync(EnrolledPod enrolled, Pod pod, CancellationToken cancellation)
    {
        var ns = enrolled.Namespace ?? throw new CaptureException($"The network namespace of pod {pod.Metadata.Name} is not found.");
        if (AddressesOf(pod) is { Count: > 0 } addresses)
        {
            enrolled.Addresses = [.. addresses.Select(address => address.ToString())];
        }

        if (!enrolled.Captured)
        {
            await capture.ApplyAsync(ns, options.For(pod), cancellation);
            enrolled.Captured = true;
        }

        if (!Ztunnel.Knows(enrolled.Uid, ns.Id))
        {
            await TellZtunnelAsync(enrolled, pod, cancellation);
        }

        await probes.AddAsync(enrolled.Uid, enrolled.Addresses, cancellation);
        await AnnotateAsync(enrolled, pod, Redirection.Enabled, cancellation);
        enrolled.Warned = null;
    }

    /// <summary>
    /// A pod that ztunnel never took is marked as pending. One that it had taken stays marked as enabled while ztunnel is away: its
    /// rules are in place, so nothing reaches it past ztunnel, and the control plane would tell its peers to talk to it in plaintext.
    /// </summary>
    private async Task TellZtunnelAsync(EnrolledPod enrolled, Pod pod, CancellationToken cancellation)
    {
        if (!Ztunnel.Connected && enrolled.Annotated == Redirection.Enabled)
        {
            return; // the next one learns of it by the snapshot; trying until then would only fill the log
        }

        try
        {
            await Ztunnel.AddAsync(Describe(pod, enrolled), cancellation);
        }
        catch (ZdsException) when (enrolled.Annotated != Redirection.Enabled)
        {
            await AnnotateAsync(enrolled, pod, Redirection.Pending, cancellation);
            throw;
        }
    }

    /// <summary>Undoes all of it. The namespace stays open until the rules are out, so that a failure can be tried again.</summary>
    private async Task LeaveAsync(string uid, Pod? pod, CancellationToken cancellation)
    {
        if (pod is null)
        {
            records.Delete(uid);
        }

        if (!_enrolled.TryGetValue(uid, out var enrolled))
        {
            return;
        }

        await enrolled.Turn.WaitAsync(cancellation);
        try
        {
            if (enrolled.Left)
            {
                return;
            }

            await probes.RemoveAsync(uid, cancellation);
            var lives = pod is not null && !HasEnded(pod);
            if (lives && enrolled is { Namespace: null, Annotated: not null })
            {
                await FindNamespaceAsync(enrolled, pod!, cancellation); // it has rules of ours and would be cut off with them
            }

            if (lives && enrolled.Namespace is { } ns)
            {
                await capture.RemoveAsync(ns, options.For(pod!), cancellation);
                enrolled.Captured = false;
            }

            await Ztunnel.DeleteAsync(uid, cancellation);
            if (lives)
            {
                await AnnotateAsync(enrolled, pod!, null, cancellation);
            }

            _enrolled.TryRemove(uid, out _);
            enrolled.Leave();
        }
        finally
        {
            enrolled.Turn.Release();
        }
    }

    /// <summary>The pod's state, held by the caller until it releases the turn.</summary>
    private async Task<EnrolledPod> TakeTurnAsync(Pod pod, CancellationToken cancellation)
    {
        while (true)
        {
            var enrolled = _enrolled.GetOrAdd(
                pod.Metadata.Uid!,
                static (uid, annotated) => new EnrolledPod(uid) { Annotated = annotated },
                pod.Metadata.Annotation(Annotations.Redirection));
            await enrolled.Turn.WaitAsync(cancellation);
            if (!enrolled.Left)
            {
                return enrolled;
            }

            enrolled.Turn.Release();
        }
    }

    private async Task FindNamespaceAsync(EnrolledPod enrolled, Pod pod, CancellationToken cancellation)
    {
        var addresses = AddressesOf(pod);
        if (records.Read(enrolled.Uid) is { } netns)
        {
            try
            {
                enrolled.Enter(await finder.OpenAsync(netns, addresses, cancellation));
                return;
            }
            catch (CaptureException failure)
            {
                logger.RecordIsStale(pod.Metadata.Namespace, pod.Metadata.Name, failure.Message);
            }
        }

        var wanted = new Dictionary<string, IReadOnlyList<IPAddress>>(StringComparer.Ordinal) { [enrolled.Uid] = addresses };
        var found = await finder.FindAsync(wanted, cancellation);
        if (!found.TryGetValue(enrolled.Uid, out var ns))
        {
            throw new CaptureException("No process of the pod was found whose network namespace carries the pod's address.");
        }

        enrolled.Enter(ns);
    }

    private async Task AnnotateAsync(EnrolledPod enrolled, Pod pod, string? value, CancellationToken cancellation)
    {
        if (enrolled.Annotated != value)
        {
            await reports.AnnotateAsync(pod, Annotations.Redirection, value, cancellation);
            enrolled.Annotated = value;
            logger.Annotated(pod.Metadata.Namespace, pod.Metadata.Name, value ?? "removed");
        }
    }

    private async Task WarnAsync(EnrolledPod enrolled, Pod pod, string reason, string message, CancellationToken cancellation)
    {
        if (enrolled.Warned != message)
        {
            enrolled.Warned = message;
            await reports.WarnAsync(pod, reason, message, cancellation);
        }
    }

    /// <summary>Null while the pod's namespace is not known.</summary>
    private EnablementVerdict? Decide(Pod pod) =>
        pods.NamespaceOf(pod) is { } ns ? selector.Decide(pod, ns) : null;

    private static bool HasEnded(Pod pod) => pod.Status?.Phase is "Succeeded" or "Failed";

    private static ZdsPod Describe(Pod pod, EnrolledPod enrolled) => new(
        enrolled.Uid, pod.Metadata.Name, pod.Metadata.Namespace ?? "", pod.Spec?.ServiceAccountName ?? "default", enrolled.Namespace);

    private static List<IPAddress> AddressesOf(Pod pod) =>
        [.. (pod.Status?.PodIPs?.Select(ip => ip.Ip) ?? [pod.Status?.PodIP]).OfType<string>().Select(IPAddress.Parse)];
}
