using System.Collections;

namespace Ambient.ControlPlane.Collections;

/// <summary>
/// A list that equals another of the same items in the same order: what a derived record needs, so that one which comes out the same
/// counts as no change.
/// </summary>
internal sealed class Values<T>(IEnumerable<T> items) : IReadOnlyList<T>, IEquatable<Values<T>>
{
    private readonly T[] _items = [.. items];

    public static Values<T> None { get; } = new([]);

    public int Count => _items.Length;

    public T this[int index] => _items[index];

    public bool Equals(Values<T>? other) => other is not null && _items.AsSpan().SequenceEqual(other._items, EqualityComparer<T>.Default);

    public override bool Equals(object? obj) => Equals(obj as Values<T>);

    public override int GetHashCode() => _items.Length == 0 ? 0 : HashCode.Combine(_items.Length, _items[0]);

    public IEnumerator<T> GetEnumerator() => ((IEnumerable<T>)_items).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
