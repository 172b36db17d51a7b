using System.Collections.Concurrent;

namespace Ambient.ControlPlane.Serving;

/// <summary>What the derivation last said of each object of a kind, for those who write it back. Safe for concurrent use.</summary>
internal sealed class Latest<T>
    where T : class
{
    private readonly ConcurrentDictionary<string, T> _items = new(StringComparer.Ordinal);

    /// <summary>Raised with the key of each object of which something else is to be said.</summary>
    public event Action<string>? Changed;

    public IReadOnlyDictionary<string, T> Items => _items;

    public T? Find(string key) => _items.GetValueOrDefault(key);

    public void Take(Dictionary<string, T?> changes)
    {
        foreach (var (key, item) in changes)
        {
            if (item is null)
            {
                _items.TryRemove(key, out _);
            }
            else
            {
                _items[key] = item;
            }

            Changed?.Invoke(key);
        }
    }
}
