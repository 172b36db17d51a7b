using System.Globalization;
using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;
using Microsoft.Extensions.Logging;

namespace Ambient.ControlPlane.Status;

/// <summary>What an object's condition is to be.</summary>
/// <param name="Source">The object.</param>
/// <param name="Current">Its conditions, everybody's.</param>
/// <param name="Wanted">Ours; null for none.</param>
internal sealed record ConditionTarget(IResource Source, IReadOnlyList<Condition>? Current, Condition? Wanted);

/// <summary>Keeps one type of condition on the objects of a kind, by server-side apply as a manager of its own.</summary>
internal sealed class ConditionWriter<T>
    where T : class, IResource
{
    private const int Workers = 2;

    private readonly KubernetesClient _client;
    private readonly ResourceKind<T> _kind;
    private readonly string _fieldManager;
    private readonly string _type;
    private readonly Func<IEnumerable<string>> _keys;
    private readonly Func<string, ConditionTarget?> _find;
    private readonly TimeProvider _time;
    private readonly WorkQueue<string> _queue;

    /// <summary>Makes a writer; it writes nothing until it runs.</summary>
    /// <param name="client">Where to.</param>
    /// <param name="kind">Of the objects.</param>
    /// <param name="fieldManager">Whose fields they are.</param>
    /// <param name="type">The condition's type.</param>
    /// <param name="keys">All objects, to begin with.</param>
    /// <param name="find">An object by its key; null where it is gone.</param>
    /// <param name="logger">Hears of failures.</param>
    /// <param name="time">The clock.</param>
    public ConditionWriter(
        KubernetesClient client,
        ResourceKind<T> kind,
        string fieldManager,
        string type,
        Func<IEnumerable<string>> keys,
        Func<string, ConditionTarget?> find,
        ILogger logger,
        TimeProvider time)
    {
        _client = client;
        _kind = kind;
        _fieldManager = fieldManager;
        _type = type;
        _keys = keys;
        _find = find;
        _time = time;
        _queue = new WorkQueue<string>($"condition {type}", logger: logger, time: time);
    }

    /// <summary>Looks at an object again.</summary>
    public void Refresh(string key) => _queue.Add(key);

    /// <summary>Writes until cancelled; only the leader does.</summary>
    public async Task WriteAsync(CancellationToken cancellation)
    {
        foreach (var key in _keys())
        {
            _queue.Add(key);
        }

        await _queue.RunAsync(WriteAsync, Workers, cancellation);
    }

    /// <summary>The conditions to apply; null where what is there is right.</summary>
    internal static JsonArray? ConditionsFor(string type, ConditionTarget target, DateTimeOffset now)
    {
        var current = target.Current?.FirstOrDefault(condition => condition.Type == type);
        if (target.Wanted is not { } wanted)
        {
            return current is null ? null : [];
        }

        if (current is not null
            && (current.Status, current.Reason, current.Message, current.ObservedGeneration) == (wanted.Status, wanted.Reason, wanted.Message, wanted.ObservedGeneration))
        {
            return null;
        }

        var since = current?.Status == wanted.Status ? current?.LastTransitionTime ?? now : now;
        var condition = new JsonObject
        {
            ["type"] = type,
            ["status"] = wanted.Status,
            ["reason"] = wanted.Reason,
            ["message"] = wanted.Message,
            ["lastTransitionTime"] = since.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
        };
        if (wanted.ObservedGeneration is { } generation)
        {
            // A string, as Istio writes 64-bit numbers.
            condition["observedGeneration"] = generation.ToString(CultureInfo.InvariantCulture);
        }

        return [(JsonNode)condition];
    }

    private async Task WriteAsync(string key, CancellationToken cancellation)
    {
        if (_find(key) is not { } target || ConditionsFor(_type, target, _time.GetUtcNow()) is not { } conditions)
        {
            return;
        }

        var (ns, name) = (target.Source.Metadata.Namespace, target.Source.Metadata.Name);
        var patch = new JsonObject
        {
            ["apiVersion"] = _kind.Group.Length == 0 ? _kind.Version : $"{_kind.Group}/{_kind.Version}",
            ["kind"] = target.Source.Kind,
            ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = ns },
            ["status"] = new JsonObject { ["conditions"] = conditions },
        };
        try
        {
            await _client.PatchAsync(_kind, ns, name, patch, PatchType.Apply, new PatchOptions("status", _fieldManager, Force: true), cancellation);
        }
        catch (KubernetesException error) when (error.IsNotFound)
        {
            // The object went away meanwhile.
        }
    }
}
