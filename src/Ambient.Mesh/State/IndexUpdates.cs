using System.Collections.Immutable;

namespace Ambient.Mesh.State;

/// <summary>Changes to indexes whose keys are shared by a few values.</summary>
internal static class IndexUpdates
{
    public static void AddTo<TKey, TValue>(
        this ImmutableDictionary<TKey, ImmutableArray<TValue>>.Builder index, TKey key, TValue value)
        where TKey : notnull =>
        index[key] = index.TryGetValue(key, out var present) ? present.Add(value) : [value];

    public static void RemoveFrom<TKey, TValue>(
        this ImmutableDictionary<TKey, ImmutableArray<TValue>>.Builder index, TKey key, TValue value)
        where TKey : notnull
        where TValue : class
    {
        if (!index.TryGetValue(key, out var present))
        {
            return;
        }

        var at = present.IndexOf(value, 0, present.Length, ReferenceEqualityComparer.Instance);
        if (at < 0)
        {
            return;
        }

        if (present.Length == 1)
        {
            index.Remove(key);
        }
        else
        {
            index[key] = present.RemoveAt(at);
        }
    }
}
