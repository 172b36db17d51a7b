using System.Text.Json.Nodes;

namespace Ambient.ApiServer.Storage;

/// <summary>
/// All objects, in memory, with one version counter as the real store has. Writers name the version that they read; the
/// lock is held only for the swap.
/// </summary>
internal sealed class ObjectStore
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Bucket> _buckets = new(StringComparer.Ordinal);
    private readonly long _firstVersion;
    private long _version;

    /// <summary>Makes an empty store.</summary>
    /// <param name="firstVersion">
    /// The version before the first write. It must grow from one life of the server to the next: then the versions that
    /// clients remember from an earlier life are too old, and they list again.
    /// </param>
    public ObjectStore(long firstVersion) => _firstVersion = _version = firstVersion;

    /// <summary>The newest version.</summary>
    public long Version => Interlocked.Read(ref _version);

    public StoredObject? Find(string bucket, string ns, string name)
    {
        lock (_gate)
        {
            return Of(bucket).Items.GetValueOrDefault(StoredObject.KeyOf(ns, name));
        }
    }

    public Snapshot List(string bucket)
    {
        lock (_gate)
        {
            return new(Of(bucket).Items, _version);
        }
    }

    /// <summary>The objects as they were at a version; null when that is forgotten.</summary>
    public Snapshot? ListAt(string bucket, long version)
    {
        lock (_gate)
        {
            var items = Of(bucket);
            return version < items.OldestWatchable ? null : new(items.ItemsAt(version), version);
        }
    }

    /// <summary>Adds an object; null when the name is taken.</summary>
    public StoredObject? Create(string bucket, JsonObject body)
    {
        lock (_gate)
        {
            var items = Of(bucket);
            var fresh = StoredObject.Freeze(body, _version + 1);
            if (items.Items.ContainsKey(fresh.Key))
            {
                return null;
            }

            items.Append(new(fresh.Version, ChangeType.Added, null, fresh));
            _version = fresh.Version;
            return fresh;
        }
    }

    /// <summary>Replaces the version that the caller read; null when it is not the newest any more.</summary>
    public StoredObject? Replace(string bucket, StoredObject read, JsonObject body)
    {
        lock (_gate)
        {
            var items = Of(bucket);
            if (items.Items.GetValueOrDefault(read.Key) != read)
            {
                return null;
            }

            var fresh = StoredObject.Freeze(body, _version + 1);
            items.Append(new(fresh.Version, ChangeType.Modified, read, fresh));
            _version = fresh.Version;
            return fresh;
        }
    }

    /// <summary>Removes the version that the caller read; false when it is not the newest any more.</summary>
    /// <param name="bucket">The kind.</param>
    /// <param name="read">What the caller read.</param>
    /// <param name="last">The state that watchers see last.</param>
    public bool Remove(string bucket, StoredObject read, JsonObject last)
    {
        lock (_gate)
        {
            var items = Of(bucket);
            if (items.Items.GetValueOrDefault(read.Key) != read)
            {
                return false;
            }

            var final = StoredObject.Freeze(last, _version + 1);
            items.Append(new(final.Version, ChangeType.Deleted, read, final));
            _version = final.Version;
            return true;
        }
    }

    /// <summary>Forgets a kind: its definition is gone.</summary>
    public void Drop(string bucket)
    {
        lock (_gate)
        {
            _buckets.Remove(bucket);
        }
    }

    /// <summary>Where a watch begins: the state to tell first, if asked for, and the position to go on from.</summary>
    /// <param name="bucket">The kind.</param>
    /// <param name="after">Tell only what came after this version; null means begin with the present state.</param>
    /// <returns>Null when the version is forgotten.</returns>
    public WatchStart? BeginWatch(string bucket, long? after)
    {
        lock (_gate)
        {
            var items = Of(bucket);
            if (after is null)
            {
                return new(new(items.Items, _version), items.End);
            }

            return after < items.OldestWatchable ? null : new(null, items.PositionAfter(after.Value));
        }
    }

    /// <summary>Copies changes from a position on; waits are on <see cref="WatchBatch.Next"/>.</summary>
    public WatchBatch ReadChanges(string bucket, long position)
    {
        // Copied in portions so that a watcher far behind does not hold the lock long.
        const int Portion = 256;
        lock (_gate)
        {
            var items = Of(bucket);
            if (position < items.Start || position > items.End)
            {
                return new([], position, _version, true, Task.CompletedTask);
            }

            var count = (int)Math.Min(items.End - position, Portion);
            var changes = new Change[count];
            for (var i = 0; i < count; i++)
            {
                changes[i] = items.At(position + i);
            }

            return new(changes, position + count, _version, false, items.Changed);
        }
    }

    private Bucket Of(string bucket)
    {
        if (!_buckets.TryGetValue(bucket, out var found))
        {
            _buckets.Add(bucket, found = new(_firstVersion));
        }

        return found;
    }
}

/// <summary>Where a watch begins.</summary>
internal sealed record WatchStart(Snapshot? Initial, long Position);

/// <summary>Some changes of a watch.</summary>
/// <param name="Changes">The changes.</param>
/// <param name="Position">Where to go on.</param>
/// <param name="Version">The store's version: everything up to it has been told when there are no changes.</param>
/// <param name="IsLost">The position was forgotten.</param>
/// <param name="Next">Completes when there are more.</param>
internal sealed record WatchBatch(Change[] Changes, long Position, long Version, bool IsLost, Task Next);
