using System.Collections.Immutable;

namespace Ambient.Mesh.Config;

/// <summary>
/// One copy of what many resources repeat: namespaces, accounts, nodes, traits. A hundred thousand workloads then hold references
/// instead of copies. Not for uids and addresses, which are unique anyway.
/// </summary>
internal sealed class Pool<T>(IEqualityComparer<T> comparer)
    where T : notnull
{
    /// <summary>
    /// Ten times the namespaces, accounts, nodes and controllers of the largest clusters known. A pool that is full starts anew: most of it
    /// is of pods that are long gone.
    /// </summary>
    private const int MostEntries = 65_536;

    private readonly HashSet<T> _entries = new(comparer);

    /// <summary>The copy that is equal to this one.</summary>
    public T Intern(T entry)
    {
        if (_entries.TryGetValue(entry, out var known))
        {
            return known;
        }

        if (_entries.Count == MostEntries)
        {
            _entries.Clear();
        }

        _entries.Add(entry);
        return entry;
    }
}

/// <summary>Arrays are equal when their elements are.</summary>
internal sealed class ArrayContents<T> : IEqualityComparer<ImmutableArray<T>>
{
    public bool Equals(ImmutableArray<T> x, ImmutableArray<T> y) => x.AsSpan().SequenceEqual(y.AsSpan());

    public int GetHashCode(ImmutableArray<T> array)
    {
        var hash = new HashCode();
        foreach (var element in array)
        {
            hash.Add(element);
        }

        return hash.ToHashCode();
    }
}
