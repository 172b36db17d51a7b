using System.Collections.Immutable;

namespace Ambient.Xds.Delta;

/// <summary>What changes in one type at once.</summary>
/// <param name="TypeUrl">The type.</param>
/// <param name="Updates">New and changed resources; those that are as before cost nothing.</param>
/// <param name="Removals">Keys (<see cref="ResourceScope.KeyOf"/>) that are no longer; unknown ones are ignored.</param>
public sealed record ResourceChange(string TypeUrl, IReadOnlyCollection<DeltaResource> Updates, IReadOnlyCollection<string> Removals);

/// <summary>
/// The resources that a <see cref="DeltaServer"/> serves. Changes of several types come in one step; streams learn from a log of
/// changed names, so that a push costs only what changed. Safe for use by many threads.
/// </summary>
public sealed class ResourceStore
{
    /// <summary>
    /// How many changed names are remembered. A stream that is further behind is ended and asks again with the versions that it has;
    /// 100,000 names are 10 MB, and more than a burst of changes names while a client takes one response.
    /// </summary>
    internal const int MaxLoggedNames = 100_000;

    private readonly Lock _lock = new();
    private readonly Queue<LogEntry> _log = new();
    private long _loggedNames;
    private ResourceSnapshot _current;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _synced;

    /// <summary>An empty store of these types. Their order is the order in which a step is pushed.</summary>
    public ResourceStore(params IReadOnlyList<string> typeUrls)
    {
        TypeUrls = typeUrls;
        var none = ImmutableDictionary.Create<string, DeltaResource>(StringComparer.Ordinal);
        _current = new ResourceSnapshot(0, typeUrls.ToImmutableDictionary(type => type, _ => none, StringComparer.Ordinal));
    }

    /// <summary>The types in push order.</summary>
    public IReadOnlyList<string> TypeUrls { get; }

    /// <summary>What is served now.</summary>
    public ResourceSnapshot Current => Volatile.Read(ref _current);

    /// <summary>Whether the store holds what its sources had at the start; streams are refused before.</summary>
    public bool IsSynced => _synced;

    /// <summary>From now on streams are served.</summary>
    public void MarkSynced() => _synced = true;

    /// <summary>Applies changes in one step and tells the streams; returns what is served then.</summary>
    public ResourceSnapshot Apply(params IReadOnlyList<ResourceChange> changes)
    {
        TaskCompletionSource wake;
        ResourceSnapshot next;
        lock (_lock)
        {
            var generation = _current.Generation + 1;
            var names = new Dictionary<string, IReadOnlyCollection<string>>(StringComparer.Ordinal);
            next = _current;
            foreach (var change in changes)
            {
                next = Apply(next, generation, change, names);
            }

            if (names.Count == 0)
            {
                return _current;
            }

            Remember(new LogEntry(generation, names));
            Volatile.Write(ref _current, next);
            wake = _changed;
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        wake.SetResult();
        return next;
    }

    /// <summary>Completes as soon as there is a generation after this one.</summary>
    internal Task ChangedAsync(long after)
    {
        lock (_lock)
        {
            return _current.Generation > after ? Task.CompletedTask : _changed.Task;
        }
    }

    /// <summary>The keys of a type's resources that changed after one generation and until another; null if that is forgotten.</summary>
    internal IReadOnlyCollection<string>? ChangedNames(string typeUrl, long after, long until)
    {
        lock (_lock)
        {
            if (after == until)
            {
                return [];
            }

            if (_log.Count == 0 || _log.Peek().Generation > after + 1)
            {
                return null;
            }

            var relevant = _log.Where(entry => entry.Generation > after && entry.Generation <= until)
                .Select(entry => entry.Names.GetValueOrDefault(typeUrl)).OfType<IReadOnlyCollection<string>>().ToList();
            return relevant.Count switch
            {
                0 => [],
                1 => relevant[0],
                _ => relevant.SelectMany(names => names).ToHashSet(StringComparer.Ordinal),
            };
        }
    }

    private static ResourceSnapshot Apply(
        ResourceSnapshot before, long generation, ResourceChange change, Dictionary<string, IReadOnlyCollection<string>> names)
    {
        if (!before.Has(change.TypeUrl))
        {
            throw new ArgumentException($"The store was made without type {change.TypeUrl}; name it in the constructor.", nameof(change));
        }

        var resources = before[change.TypeUrl].ToBuilder();
        var changed = new HashSet<string>(StringComparer.Ordinal);
        foreach (var update in change.Updates)
        {
            if (!resources.TryGetValue(update.Key, out var old) || !old.SameAs(update))
            {
                resources[update.Key] = update;
                changed.Add(update.Key);
            }
        }

        foreach (var key in change.Removals)
        {
            if (resources.Remove(key))
            {
                changed.Add(key);
            }
        }

        if (changed.Count == 0)
        {
            return before;
        }

        names[change.TypeUrl] = names.TryGetValue(change.TypeUrl, out var more) ? changed.Union(more).ToHashSet(StringComparer.Ordinal) : changed;
        return before.With(generation, change.TypeUrl, resources.ToImmutable());
    }

    private void Remember(LogEntry entry)
    {
        _log.Enqueue(entry);
        _loggedNames += entry.Count;
        while (_loggedNames > MaxLoggedNames && _log.Count > 1)
        {
            _loggedNames -= _log.Dequeue().Count;
        }
    }

    private sealed record LogEntry(long Generation, IReadOnlyDictionary<string, IReadOnlyCollection<string>> Names)
    {
        public long Count { get; } = Names.Values.Sum(names => (long)names.Count);
    }
}
