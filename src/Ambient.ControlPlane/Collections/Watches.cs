namespace Ambient.ControlPlane.Collections;

/// <summary>Who has read which key, and by which condition.</summary>
internal sealed class Watches<T>
    where T : class
{
    private readonly Dictionary<string, HashSet<Watch>> _byKey = new(StringComparer.Ordinal);

    public void Add(string key, Cell reader, Func<T, bool>? where)
    {
        if (!_byKey.TryGetValue(key, out var watches))
        {
            _byKey[key] = watches = [];
        }

        var watch = new Watch(this, key, reader, where);
        watches.Add(watch);
        reader.Read(watch);
    }

    /// <summary>Marks every reader whose condition holds for the old or the new object.</summary>
    public void Notify(string key, Change<T> change)
    {
        if (!_byKey.TryGetValue(key, out var watches))
        {
            return;
        }

        foreach (var watch in watches)
        {
            if (watch.Concerns(change))
            {
                watch.Reader.MarkStale();
            }
        }
    }

    private void Remove(Watch watch)
    {
        if (_byKey.TryGetValue(watch.Key, out var watches) && watches.Remove(watch) && watches.Count == 0)
        {
            _byKey.Remove(watch.Key);
        }
    }

    private sealed class Watch(Watches<T> owner, string key, Cell reader, Func<T, bool>? where) : IRead
    {
        public string Key => key;

        public Cell Reader => reader;

        public bool Concerns(Change<T> change) =>
            where is null || (change.Old is not null && where(change.Old)) || (change.New is not null && where(change.New));

        public void Forget() => owner.Remove(this);
    }
}
