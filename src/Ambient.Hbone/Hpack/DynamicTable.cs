namespace Ambient.Hbone.Hpack;

/// <summary>The dynamic table (RFC 7541 §2.3.2): newest entry first, bounded by the sum of its entries' sizes.</summary>
internal sealed class DynamicTable(int maxSize)
{
    private HeaderField[] _ring = [];
    private int _newest;

    /// <summary>Entries held.</summary>
    public int Count { get; private set; }

    /// <summary>Sum of the entries' sizes in bytes.</summary>
    public int Size { get; private set; }

    /// <summary>The bound of <see cref="Size"/>; lowering it evicts.</summary>
    public int MaxSize { get; private set; } = maxSize;

    /// <summary>An entry: 0 is the newest.</summary>
    public HeaderField this[int index] => _ring[(_newest - index + _ring.Length) % _ring.Length];

    /// <summary>Adds an entry and evicts what no longer fits; an entry larger than the table empties it (RFC 7541 §4.4).</summary>
    public void Add(in HeaderField field)
    {
        EvictTo(MaxSize - field.Size);
        if (field.Size > MaxSize)
        {
            return;
        }

        if (Count == _ring.Length)
        {
            Grow();
        }

        _newest = (_newest + 1) % _ring.Length;
        _ring[_newest] = field;
        Count++;
        Size += field.Size;
    }

    /// <summary>Changes the bound.</summary>
    public void Resize(int maxSize)
    {
        MaxSize = maxSize;
        EvictTo(maxSize);
    }

    /// <summary>The index of an entry with this name; exact says whether the value is the same too. -1 if there is none.</summary>
    public int Find(string name, string value, out bool exact)
    {
        var byName = -1;
        for (var index = 0; index < Count; index++)
        {
            var entry = this[index];
            if (entry.Name != name)
            {
                continue;
            }

            if (entry.Value == value)
            {
                exact = true;
                return index;
            }

            byName = byName < 0 ? index : byName;
        }

        exact = false;
        return byName;
    }

    private void EvictTo(int size)
    {
        while (Count > 0 && Size > size)
        {
            var oldest = (_newest - Count + 1 + _ring.Length) % _ring.Length;
            Size -= _ring[oldest].Size;
            _ring[oldest] = default;
            Count--;
        }
    }

    private void Grow()
    {
        var larger = new HeaderField[Math.Max(8, _ring.Length * 2)];
        for (var index = 0; index < Count; index++)
        {
            larger[Count - 1 - index] = this[index];
        }

        _ring = larger;
        _newest = Count - 1 < 0 ? larger.Length - 1 : Count - 1;
    }
}
