using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace Ambient.Mesh.State;

/// <summary>
/// An immutable hash map that shares almost everything with the one that it was made from, for indexes of a hundred thousand entries: a
/// tree of the framework's costs 64 bytes and an object for each entry, this one some 22 bytes. Buckets of a few entries stand in pages; a change copies one
/// bucket, one page and the list of pages. A key may have several values; the preferred one comes first.
/// </summary>
public sealed class SnapshotDictionary<TKey, TValue> : IReadOnlyDictionary<TKey, TValue>
    where TKey : notnull
    where TValue : class
{
    /// <summary>
    /// 128 buckets a page: at a hundred thousand entries a page is as large as the list of pages, so a change copies least. A small map has one
    /// page with fewer.
    /// </summary>
    private const int PageBits = 7;

    /// <summary>Entries a bucket on average before buckets double: four to eight keep both the overhead and the walk short.</summary>
    private const int MostPerBucket = 8;

    private readonly IEqualityComparer<TKey> _comparer;
    private readonly Entry[]?[][] _pages;

    private SnapshotDictionary(Entry[]?[][] pages, int count, IEqualityComparer<TKey> comparer) => (_pages, Count, _comparer) = (pages, count, comparer);

    /// <summary>How many values.</summary>
    public int Count { get; }

    /// <inheritdoc />
    public IEnumerable<TKey> Keys => this.Select(entry => entry.Key);

    /// <inheritdoc />
    public IEnumerable<TValue> Values => this.Select(entry => entry.Value);

    /// <inheritdoc />
    public TValue this[TKey key] => Find(key) ?? throw new KeyNotFoundException($"'{key}' is not in the map.");

    internal static SnapshotDictionary<TKey, TValue> Empty(IEqualityComparer<TKey>? comparer = null) => new([new Entry[]?[1]], 0, comparer ?? EqualityComparer<TKey>.Default);

    /// <inheritdoc />
    public bool ContainsKey(TKey key) => Find(key) is not null;

    /// <inheritdoc />
    public bool TryGetValue(TKey key, [MaybeNullWhen(false)] out TValue value) => (value = Find(key)) is not null;

    /// <summary>The preferred value of a key.</summary>
    public TValue? Find(TKey key)
    {
        foreach (ref readonly var entry in Bucket(_pages, Hash(key, _comparer)).AsSpan())
        {
            if (_comparer.Equals(entry.Key, key))
            {
                return entry.Value;
            }
        }

        return null;
    }

    /// <inheritdoc />
    public IEnumerator<KeyValuePair<TKey, TValue>> GetEnumerator() =>
        (from page in _pages from bucket in page from entry in bucket ?? [] select KeyValuePair.Create(entry.Key, entry.Value)).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    internal Builder ToBuilder() => new(this);

    private static uint Hash(TKey key, IEqualityComparer<TKey> comparer) => (uint)comparer.GetHashCode(key);

    /// <summary>The numbers of pages and of their buckets are powers of two.</summary>
    private static ref Entry[]? Bucket(Entry[]?[][] pages, uint hash)
    {
        var page = pages[(hash >> PageBits) & (uint)(pages.Length - 1)];
        return ref page[hash & (uint)(page.Length - 1)];
    }

    private readonly record struct Entry(TKey Key, TValue Value);

    /// <summary>Collects changes; pages are copied once each.</summary>
    internal sealed class Builder
    {
        private readonly IEqualityComparer<TKey> _comparer;
        private readonly SnapshotDictionary<TKey, TValue> _before;
        private Entry[]?[][] _pages;
        private bool[] _owned;
        private int _count;

        public Builder(SnapshotDictionary<TKey, TValue> before)
        {
            (_before, _comparer, _pages, _count) = (before, before._comparer, before._pages, before.Count);
            _owned = [];
        }

        public TValue? Find(TKey key)
        {
            foreach (var entry in Bucket(_pages, Hash(key, _comparer)) ?? [])
            {
                if (_comparer.Equals(entry.Key, key))
                {
                    return entry.Value;
                }
            }

            return null;
        }

        /// <summary>Adds a value, before those of the same key whose rank is lower.</summary>
        public void Add(TKey key, TValue value, Func<TValue, int>? rank = null)
        {
            if (_count >= _pages.Length * _pages[0].Length * MostPerBucket)
            {
                Grow();
            }

            ref var bucket = ref Own(key);
            var present = bucket ?? [];
            var at = 0;
            while (at < present.Length
                && (!_comparer.Equals(present[at].Key, key) || rank is null || rank(present[at].Value) >= rank(value)))
            {
                at++;
            }

            var longer = new Entry[present.Length + 1];
            present.AsSpan(0, at).CopyTo(longer);
            longer[at] = new Entry(key, value);
            present.AsSpan(at).CopyTo(longer.AsSpan(at + 1));
            bucket = longer;
            _count++;
        }

        /// <summary>Removes this very value of a key, if it is there.</summary>
        public void Remove(TKey key, TValue value)
        {
            var present = Bucket(_pages, Hash(key, _comparer)) ?? [];
            var at = Array.FindIndex(present, entry => ReferenceEquals(entry.Value, value) && _comparer.Equals(entry.Key, key));
            if (at >= 0)
            {
                Own(key) = present.Length == 1 ? null : [.. present.AsSpan(0, at), .. present.AsSpan(at + 1)];
                _count--;
            }
        }

        public SnapshotDictionary<TKey, TValue> ToImmutable() =>
            ReferenceEquals(_pages, _before._pages) ? _before : new SnapshotDictionary<TKey, TValue>(_pages, _count, _comparer);

        /// <summary>The place of a key's bucket, in a page that belongs to this builder.</summary>
        private ref Entry[]? Own(TKey key)
        {
            if (ReferenceEquals(_pages, _before._pages))
            {
                _pages = [.. _pages];
                _owned = new bool[_pages.Length];
            }

            var hash = Hash(key, _comparer);
            var page = (hash >> PageBits) & (uint)(_pages.Length - 1);
            if (!_owned[page])
            {
                _pages[page] = [.. _pages[page]];
                _owned[page] = true;
            }

            return ref Bucket(_pages, hash);
        }

        private void Grow()
        {
            var buckets = 2 * _pages.Length * _pages[0].Length;
            var pages = new Entry[]?[Math.Max(1, buckets >> PageBits)][];
            for (var page = 0; page < pages.Length; page++)
            {
                pages[page] = new Entry[]?[Math.Min(buckets, 1 << PageBits)];
            }

            // Entries of a bucket go to one of two, in their order.
            foreach (var group in _pages.SelectMany(page => page).SelectMany(bucket => bucket ?? [])
                .GroupBy(entry => Hash(entry.Key, _comparer) & (uint)(buckets - 1)))
            {
                Bucket(pages, group.Key) = [.. group];
            }

            (_pages, _owned) = (pages, Enumerable.Repeat(true, pages.Length).ToArray());
        }
    }
}
