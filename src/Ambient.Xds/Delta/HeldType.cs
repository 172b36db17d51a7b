using Ambient.Api.Discovery;

namespace Ambient.Xds.Delta;

/// <summary>What a client holds of one type, across streams: names and versions, and who waits for which name.</summary>
internal sealed class HeldType(DeltaSubscription subscription)
{
    /// <summary>Connections wait for names; more of them than this wait in vain, and are told so.</summary>
    private const int MaxWaiting = 10_000;

    private readonly Dictionary<string, HeldVersion> _versions = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Waiting> _waiting = new(StringComparer.Ordinal);

    public DeltaSubscription Subscription => subscription;

    /// <summary>Whether the first response of this client's life has been answered with success.</summary>
    public bool Synced { get; set; }

    /// <summary>The first request on a stream: what is held need not be sent again.</summary>
    public DeltaDiscoveryRequest FirstRequest(Node node)
    {
        var request = new DeltaDiscoveryRequest { Node = node, TypeUrl = subscription.TypeUrl };
        if (subscription.OnDemand)
        {
            // Both together subscribe to nothing; neither would subscribe to everything.
            request.ResourceNamesSubscribe.Add("*");
            request.ResourceNamesUnsubscribe.Add("*");
        }

        foreach (var (name, version) in _versions)
        {
            request.InitialResourceVersions.Add(name, version.ToString());
        }

        lock (_lock)
        {
            foreach (var name in _waiting.Keys)
            {
                request.InitialResourceVersions.TryAdd(name, "");
            }
        }

        return request;
    }

    /// <summary>A task that completes when the name was answered, and whether it has to be asked for. Ends with <see cref="Leave"/>.</summary>
    public (Task Answered, bool Ask) Wait(string name)
    {
        lock (_lock)
        {
            if (_waiting.TryGetValue(name, out var waiting))
            {
                waiting.Count++;
                return (waiting.Answered.Task, false);
            }

            if (_waiting.Count >= MaxWaiting)
            {
                throw new InvalidOperationException($"{MaxWaiting} names of {subscription.TypeUrl} are being waited for; {name} is not asked for.");
            }

            waiting = new Waiting();
            _waiting.Add(name, waiting);
            return (waiting.Answered.Task, true);
        }
    }

    /// <summary>Somebody no longer waits; a name that nobody waits for is not asked for again.</summary>
    public void Leave(string name, Task answered)
    {
        lock (_lock)
        {
            if (_waiting.TryGetValue(name, out var waiting) && waiting.Answered.Task == answered && --waiting.Count == 0)
            {
                _waiting.Remove(name);
            }
        }
    }

    /// <summary>
    /// Notes what the response brought. A rejected resource that was held before keeps its name without a version: it is sent again
    /// on the next stream, and its removal is still heard of. So does a removal in a response that could not be applied at all.
    /// </summary>
    public void Note(DeltaDiscoveryResponse response, IReadOnlyList<ResourceRejection> rejections, bool applied)
    {
        var rejected = rejections.Select(rejection => rejection.Name).ToHashSet(StringComparer.Ordinal);

        // Exactly as large as needed: the first response brings the whole mesh, and doubling would leave half of the table unused.
        _versions.EnsureCapacity(_versions.Count + response.Resources.Count(resource => !_versions.ContainsKey(resource.Name)));
        foreach (var resource in response.Resources)
        {
            if (!rejected.Contains(resource.Name))
            {
                _versions[resource.Name] = new HeldVersion(resource.Version);
            }
            else if (_versions.ContainsKey(resource.Name))
            {
                _versions[resource.Name] = new HeldVersion("");
            }

            Answer(resource.Name);
            foreach (var alias in resource.Aliases)
            {
                Answer(alias);
            }
        }

        foreach (var name in response.RemovedResources)
        {
            if (applied)
            {
                _versions.Remove(name);
            }

            Answer(name);
        }
    }

    private void Answer(string name)
    {
        lock (_lock)
        {
            if (_waiting.Remove(name, out var waiting))
            {
                waiting.Answered.SetResult();
            }
        }
    }

    private sealed class Waiting
    {
        public TaskCompletionSource Answered { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public int Count { get; set; } = 1;
    }
}
