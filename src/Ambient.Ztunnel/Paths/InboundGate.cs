using System.Net;
using Ambient.Linux;
using Ambient.Mesh.Authorization;
using Ambient.Mesh.Model;
using Ambient.Mesh.State;
using Ambient.Proxy.Connections;
using Ambient.Ztunnel.Pods;
using Microsoft.Extensions.Logging;

namespace Ambient.Ztunnel.Paths;

/// <summary>What both inbound paths ask: may this connection reach the application?</summary>
internal sealed class InboundGate(DataPlane plane)
{
    /// <summary>
    /// How long a connection waits for a policy that its workload names and that has not come: the two arrive in different messages of one
    /// stream. After that it is refused.
    /// </summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>The verdict, and the reason in words where it is a refusal.</summary>
    public async ValueTask<(bool Allowed, string? Reason)> JudgeAsync(Workload workload, ConnectionFacts facts)
    {
        var mesh = plane.Mesh.Current;
        var verdict = Authorizer.Evaluate(mesh, Latest(mesh, workload), facts);
        if (verdict.Reason == VerdictReason.UnknownPolicy)
        {
            await WaitForPoliciesAsync(workload.Uid);
            mesh = plane.Mesh.Current;
            verdict = Authorizer.Evaluate(mesh, Latest(mesh, workload), facts);
        }

        Tell(verdict, workload, facts);
        return verdict.Allowed ? (true, null) : (false, VerdictExplanation.Render(mesh, Latest(mesh, workload), facts, verdict));
    }

    private static Workload Latest(MeshSnapshot mesh, Workload workload) =>
        mesh.Workloads.GetValueOrDefault(workload.Uid, workload);

    private async Task WaitForPoliciesAsync(string uid)
    {
        var complete = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void Look(MeshChange change)
        {
            if (HasAllPolicies(change.After, uid))
            {
                complete.TrySetResult();
            }
        }

        plane.Mesh.Changed += Look;
        try
        {
            if (!HasAllPolicies(plane.Mesh.Current, uid))
            {
                await complete.Task.WaitAsync(Patience, plane.Telemetry.Time);
            }
        }
        catch (TimeoutException)
        {
            // The verdict then is a refusal that names the policy.
        }
        finally
        {
            plane.Mesh.Changed -= Look;
        }
    }

    /// <summary>Whether every policy that a workload names is known.</summary>
    public static bool HasAllPolicies(MeshSnapshot mesh, string uid) =>
        !mesh.Workloads.TryGetValue(uid, out var workload) || workload.AuthorizationPolicies.All(mesh.Policies.ContainsKey);

    private void Tell(in Verdict verdict, Workload workload, in ConnectionFacts facts)
    {
        if (verdict.DryRun != DryRunOutcome.None)
        {
            Log.DryRun(
                plane.Logger, plane.Configuration.PolicyInfoLogging ? LogLevel.Information : LogLevel.Debug, workload.Uid,
                new IPEndPoint(facts.Source, 0).Address, facts.DestinationPort, VerdictExplanation.RenderDryRun(verdict));
        }
    }
}
