using System.Diagnostics.CodeAnalysis;

namespace Ambient.ControlPlane.Collections;

/// <summary>One object's change: added (<c>Old</c> null), replaced, or removed (<c>New</c> null).</summary>
internal readonly record struct Change<T>(string Key, T? Old, T? New)
    where T : class;

/// <summary>
/// A keyed set of objects that derived collections read. Reading through <see cref="Reads"/> records what was read, so
/// that a later change re-derives exactly the outputs that looked at it. Belongs to one thread of control.
/// </summary>
internal abstract class Collection<T>
    where T : class
{
    private readonly Dictionary<string, T> _items = new(StringComparer.Ordinal);
    private readonly Watches<T> _byKey = new();
    private readonly List<Index<T>> _indexes = [];

    /// <summary>Raised after each change, in the order of changes.</summary>
    public event Action<Change<T>>? Changed;

    public int Count => _items.Count;

    public IReadOnlyDictionary<string, T> Items => _items;

    public bool TryGet(string key, [NotNullWhen(true)] out T? item) => _items.TryGetValue(key, out item);

    /// <summary>Groups the objects by the keys that the function gives each.</summary>
    public Index<T> IndexBy(Func<T, IEnumerable<string>> keys)
    {
        var index = new Index<T>(keys);
        foreach (var (key, item) in _items)
        {
            index.Update(new Change<T>(key, null, item));
        }

        _indexes.Add(index);
        return index;
    }

    /// <summary>Groups the objects by one key each.</summary>
    public Index<T> IndexBy(Func<T, string> key) => IndexBy(item => [key(item)]);

    internal T? Read(Cell reader, string key)
    {
        _byKey.Add(key, reader, null);
        return _items.GetValueOrDefault(key);
    }

    private protected void Replace(string key, T? next)
    {
        _items.TryGetValue(key, out var previous);
        if (previous is null && next is null)
        {
            return;
        }

        if (next is null)
        {
            _items.Remove(key);
        }
        else
        {
            _items[key] = next;
        }

        var change = new Change<T>(key, previous, next);
        foreach (var index in _indexes)
        {
            index.Update(change);
        }

        _byKey.Notify(key, change);
        Changed?.Invoke(change);
    }
}

/// <summary>A collection that is filled from outside.</summary>
internal sealed class Source<T> : Collection<T>
    where T : class
{
    /// <summary>Adds or replaces an object; null removes it.</summary>
    public void Set(string key, T? item) => Replace(key, item);

    /// <summary>The collection with the object set.</summary>
    public Source<T> With(string key, T item)
    {
        Set(key, item);
        return this;
    }
}
