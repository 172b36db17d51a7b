using System.Collections.Immutable;

namespace Ambient.ApiServer.Storage;

/// <summary>What happened to an object.</summary>
internal enum ChangeType
{
    Added,
    Modified,
    Deleted,
}

/// <summary>One change: the state before, and the state after (of a deletion: the last state, at the deletion's version).</summary>
internal sealed record Change(long Version, ChangeType Type, StoredObject? Old, StoredObject New);

/// <summary>The state of a kind's objects at one version, sorted by key.</summary>
internal sealed record Snapshot(ImmutableSortedDictionary<string, StoredObject> Items, long Version);

/// <summary>All objects of one kind and the newest changes to them. Guarded by the store's lock.</summary>
internal sealed class Bucket
{
    /// <summary>
    /// Changes that are remembered. A watcher that falls further behind gets 410 and lists again; 4,096 is what several
    /// hundred pods produce in their first minute. Each costs two references to objects that mostly live anyway.
    /// </summary>
    internal const int HistoryLength = 4096;

    private readonly Change[] _ring = new Change[HistoryLength];
    private long _next;
    private TaskCompletionSource _changed = NewSignal();

    public Bucket(long version) => OldestWatchable = version;

    public ImmutableSortedDictionary<string, StoredObject> Items { get; private set; } =
        ImmutableSortedDictionary.Create<string, StoredObject>(StringComparer.Ordinal);

    /// <summary>The oldest version from which all later changes are known.</summary>
    public long OldestWatchable { get; private set; }

    /// <summary>The position after the newest change.</summary>
    public long End => _next;

    /// <summary>The oldest position that is still remembered.</summary>
    public long Start => Math.Max(0, _next - HistoryLength);

    /// <summary>Completes at the next change.</summary>
    public Task Changed => _changed.Task;

    public void Append(Change change)
    {
        if (_next >= HistoryLength)
        {
            OldestWatchable = _ring[_next % HistoryLength].Version;
        }

        _ring[_next++ % HistoryLength] = change;
        Items = change.Type == ChangeType.Deleted
            ? Items.Remove(change.New.Key)
            : Items.SetItem(change.New.Key, change.New);
        var signal = _changed;
        _changed = NewSignal();
        signal.SetResult();
    }

    public Change At(long position) => _ring[position % HistoryLength];

    /// <summary>The position of the first change after a version.</summary>
    public long PositionAfter(long version)
    {
        var position = End;
        while (position > Start && At(position - 1).Version > version)
        {
            position--;
        }

        return position;
    }

    /// <summary>The objects as they were at a version that is not too old.</summary>
    public ImmutableSortedDictionary<string, StoredObject> ItemsAt(long version)
    {
        var items = Items.ToBuilder();
        for (var position = End - 1; position >= Start && At(position).Version > version; position--)
        {
            var change = At(position);
            if (change.Old is null)
            {
                items.Remove(change.New.Key);
            }
            else
            {
                items[change.Old.Key] = change.Old;
            }
        }

        return items.ToImmutable();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
