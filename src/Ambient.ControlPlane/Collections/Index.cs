namespace Ambient.ControlPlane.Collections;

/// <summary>Objects of a collection by a key of ours, e.g. policies by namespace.</summary>
internal sealed class Index<T>(Func<T, IEnumerable<string>> keys)
    where T : class
{
    private readonly Dictionary<string, SortedDictionary<string, T>> _groups = new(StringComparer.Ordinal);
    private readonly Watches<T> _watches = new();

    internal IEnumerable<T> Read(Cell reader, string group, Func<T, bool>? where)
    {
        _watches.Add(group, reader, where);
        IEnumerable<T> items = _groups.TryGetValue(group, out var found) ? found.Values : [];
        return where is null ? items : items.Where(where);
    }

    internal void Update(Change<T> change)
    {
        string[] before = change.Old is null ? [] : [.. keys(change.Old)];
        string[] after = change.New is null ? [] : [.. keys(change.New)];
        foreach (var group in before)
        {
            Remove(group, change.Key);
        }

        foreach (var group in after)
        {
            Put(group, change.Key, change.New!);
        }

        foreach (var group in before.Union(after))
        {
            _watches.Notify(group, change);
        }
    }

    private void Put(string group, string key, T item)
    {
        if (!_groups.TryGetValue(group, out var items))
        {
            _groups[group] = items = new SortedDictionary<string, T>(StringComparer.Ordinal);
        }

        items[key] = item;
    }

    private void Remove(string group, string key)
    {
        if (_groups.TryGetValue(group, out var items) && items.Remove(key) && items.Count == 0)
        {
            _groups.Remove(group);
        }
    }
}
