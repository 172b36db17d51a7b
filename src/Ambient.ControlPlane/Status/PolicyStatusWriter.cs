using System.Globalization;
using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Policies;
using Ambient.Kubernetes;
using Microsoft.Extensions.Logging;

namespace Ambient.ControlPlane.Status;

/// <summary>Writes the condition <c>ZtunnelAccepted</c> of AuthorizationPolicies, by server-side apply as a manager of its own.</summary>
internal sealed class PolicyStatusWriter
{
    private const string FieldManager = "istio-ambient-ztunnel-policy";
    private const int Workers = 2;

    private readonly KubernetesClient _client;
    private readonly IReadOnlyDictionary<string, ConvertedPolicy> _policies;
    private readonly TimeProvider _time;
    private readonly WorkQueue<string> _queue;

    public PolicyStatusWriter(KubernetesClient client, IReadOnlyDictionary<string, ConvertedPolicy> policies, ILogger logger, TimeProvider time)
    {
        _client = client;
        _policies = policies;
        _time = time;
        _queue = new WorkQueue<string>("policy status", logger: logger, time: time);
    }

    /// <summary>Looks at a policy again.</summary>
    public void Refresh(string key) => _queue.Add(key);

    /// <summary>Writes until cancelled; only the leader does.</summary>
    public async Task WriteAsync(CancellationToken cancellation)
    {
        foreach (var key in _policies.Keys)
        {
            _queue.Add(key);
        }

        await _queue.RunAsync(WriteAsync, Workers, cancellation);
    }

    /// <summary>The conditions to apply; null where what is there is right.</summary>
    internal static JsonArray? ConditionsFor(ConvertedPolicy policy, DateTimeOffset now)
    {
        var current = policy.Source.Status?.Conditions?.FirstOrDefault(condition => condition.Type == PolicyCondition.Type);
        if (policy.Condition is not { } wanted)
        {
            return current is null ? null : [];
        }

        var status = wanted.Holds ? "True" : "False";
        var generation = policy.Source.Metadata.Generation ?? 0;
        if (current is not null
            && (current.Status, current.Reason, current.Message, current.ObservedGeneration ?? 0) == (status, wanted.Reason, wanted.Message, generation))
        {
            return null;
        }

        var since = current?.Status == status ? current.LastTransitionTime ?? now : now;
        return
        [
            new JsonObject
            {
                ["type"] = PolicyCondition.Type,
                ["status"] = status,
                ["reason"] = wanted.Reason,
                ["message"] = wanted.Message,
                // A string, as Istio writes 64-bit numbers.
                ["observedGeneration"] = generation.ToString(CultureInfo.InvariantCulture),
                ["lastTransitionTime"] = since.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
            },
        ];
    }

    private async Task WriteAsync(string key, CancellationToken cancellation)
    {
        if (!_policies.TryGetValue(key, out var policy) || ConditionsFor(policy, _time.GetUtcNow()) is not { } conditions)
        {
            return;
        }

        var (ns, name) = (policy.Source.Metadata.Namespace, policy.Source.Metadata.Name);
        var patch = new JsonObject
        {
            ["apiVersion"] = "security.istio.io/v1",
            ["kind"] = "AuthorizationPolicy",
            ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = ns },
            ["status"] = new JsonObject { ["conditions"] = conditions },
        };
        try
        {
            await _client.PatchAsync(
                ResourceKinds.AuthorizationPolicies, ns, name, patch, PatchType.Apply,
                new PatchOptions("status", FieldManager, Force: true), cancellation);
        }
        catch (KubernetesException error) when (error.IsNotFound)
        {
            // The policy went away meanwhile.
        }
    }
}
