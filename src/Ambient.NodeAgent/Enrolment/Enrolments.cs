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
internal sealed class Enrolments(
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

    /// <summary>What a ztunnel that connects is told: every pod that is to be proxied, with its namespace where it is known.</summary>
    public IReadOnlyList<ZdsPod> Snapshot() =>
        [.. from enrolled in _enrolled.Values
            where enrolled.Namespace is null || enrolled.Captured
            let pod = pods.Find(enrolled.Uid)
            where pod is not null
            select Describe(pod, enrolled)];

    /// <summary>How many pods want to be in the mesh and are not captured.</summary>
    public int Uncaptured => pods.All.Count(pod => Decide(pod) is { Enrol: true }
        && !(_enrolled.TryGetValue(pod.Metadata.Uid!, out var enrolled) && enrolled.Captured));

    /// <summary>Knows the pods that were in the mesh before this agent started, so that ztunnel is not told to drop them.</summary>
    public async Task RestoreAsync(CancellationToken cancellation)
    {
        foreach (var pod in pods.All.Where(pod => pod.Metadata.Annotation(Annotations.Redirection) is not null && Decide(pod) is { Enrol: true }))
        {
            var enrolled = _enrolled.GetOrAdd(pod.Metadata.Uid!, static uid => new EnrolledPod(uid));
            enrolled.Annotated = pod.Metadata.Annotation(Annotations.Redirection);
            try
            {
                await FindNamespaceAsync(enrolled, pod, cancellation);
                await ReconcileAsync(enrolled, pod, cancellation);
            }
            catch (Exception failure) when (failure is CaptureException or ZdsException)
            {
                logger.NotYet(pod.Metadata.Namespace, pod.Metadata.Name, failure.Message); // the queue tries again
            }
        }
    }

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

            if (!verdict.Enrol)
            {
                return null;
            }

            var enrolled = _enrolled.GetOrAdd(pod.Metadata.Uid!, static uid => new EnrolledPod(uid));
            await enrolled.Turn.WaitAsync(cancellation);
            try
            {
                enrolled.Enter(await finder.OpenAsync(netns, addresses, cancellation));
                enrolled.Addresses = [.. addresses.Select(address => address.ToString())];
                records.Write(enrolled.Uid, netns);
                await EnrolAsync(enrolled, pod, cancellation);
                return null;
            }
            finally
            {
                enrolled.Turn.Release();
            }
        }
        catch (Exception failure) when (failure is CaptureException or ZdsException or PodUnknownException)
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
            await ReconcileAsync(_enrolled.GetOrAdd(uid, static uid => new EnrolledPod(uid)), pod, cancellation);
        }
    }

    /// <summary>Reads the rules of all captured pods back and puts them right where something took them out.</summary>
    public async Task VerifyAsync(CancellationToken cancellation)
    {
        foreach (var enrolled in _enrolled.Values)
        {
            await enrolled.Turn.WaitAsync(cancellation);
            try
            {
                if (enrolled is { Captured: true, Namespace: { } ns } && pods.Find(enrolled.Uid) is { } pod
                    && await capture.FindDriftAsync(ns, options.For(pod), cancellation) is { } drift)
                {
                    metrics.Drift();
                    enrolled.Captured = false;
                    await reports.WarnAsync(pod, "CaptureLost", $"Traffic was not captured as it should be ({drift}); the rules are applied again.", cancellation);
                    await EnrolAsync(enrolled, pod, cancellation);
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

    private async Task ReconcileAsync(EnrolledPod enrolled, Pod pod, CancellationToken cancellation)
    {
        await enrolled.Turn.WaitAsync(cancellation);
        try
        {
            if (enrolled.Namespace is null)
            {
                if (AddressesOf(pod).Count == 0)
                {
                    return; // its sandbox is still being made; the plugin asks for it, or a later change of the pod does
                }

                await FindNamespaceAsync(enrolled, pod, cancellation);
            }

            await EnrolAsync(enrolled, pod, cancellation);
        }
        catch (CaptureException failure)
        {
            await reports.WarnAsync(pod, "CaptureFailed", failure.Message, cancellation);
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
            try
            {
                await Ztunnel.AddAsync(Describe(pod, enrolled), cancellation);
            }
            catch (ZdsException)
            {
                await AnnotateAsync(enrolled, pod, "pending", cancellation);
                throw;
            }
        }

        await probes.AddAsync(enrolled.Uid, enrolled.Addresses, cancellation);
        await AnnotateAsync(enrolled, pod, "enabled", cancellation);
    }

    /// <summary>Undoes all of it. The namespace stays open until the rules are out, so that a failure can be tried again.</summary>
    private async Task LeaveAsync(string uid, Pod? pod, CancellationToken cancellation)
    {
        if (!_enrolled.TryGetValue(uid, out var enrolled))
        {
            return;
        }

        await enrolled.Turn.WaitAsync(cancellation);
        try
        {
            await probes.RemoveAsync(uid, cancellation);
            if (pod is not null && !HasEnded(pod) && enrolled is { Captured: true, Namespace: { } ns })
            {
                await capture.RemoveAsync(ns, options.For(pod), cancellation);
                enrolled.Captured = false;
            }

            await Ztunnel.DeleteAsync(uid, cancellation);
            records.Delete(uid);
            if (pod is not null && !HasEnded(pod))
            {
                await AnnotateAsync(enrolled, pod, null, cancellation);
            }

            _enrolled.TryRemove(uid, out _);
        }
        finally
        {
            enrolled.Turn.Release();
        }

        enrolled.Dispose();
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

    /// <summary>Null while the pod's namespace is not known.</summary>
    private EnablementVerdict? Decide(Pod pod) =>
        pods.NamespaceOf(pod) is { } ns ? selector.Decide(pod, ns) : null;

    private static bool HasEnded(Pod pod) => pod.Status?.Phase is "Succeeded" or "Failed";

    private static ZdsPod Describe(Pod pod, EnrolledPod enrolled) => new(
        enrolled.Uid, pod.Metadata.Name, pod.Metadata.Namespace ?? "", pod.Spec?.ServiceAccountName ?? "default", enrolled.Namespace);

    private static List<IPAddress> AddressesOf(Pod pod) =>
        [.. (pod.Status?.PodIPs?.Select(ip => ip.Ip) ?? [pod.Status?.PodIP]).OfType<string>().Select(IPAddress.Parse)];
}
