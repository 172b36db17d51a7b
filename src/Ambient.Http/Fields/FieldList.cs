using System.Buffers;
using System.Text;

namespace Ambient.Http.Fields;

/// <summary>
/// The fields of a message in their order, as bytes: each one is a line <c>name: value CRLF</c> in one buffer, with its name in lower case, so
/// that no field costs a string and an unchanged run of them is written to HTTP/1.1 in one copy. Memory is rented when the first field
/// comes and given back by <see cref="Clear"/>. Names handed in are lower-case tokens and values hold no CR, LF or NUL: the parsers see to
/// that, and so does <see cref="Add(string, string, bool)"/>.
/// </summary>
public sealed class FieldList
{
    private const int LineOverhead = 4; // colon, space, CR, LF
    private const int FirstBytes = 1024;
    private const int FirstEntries = 24;

    private byte[] _bytes = [];
    private Entry[] _entries = [];
    private int _used;

    /// <summary>How many fields there are.</summary>
    public int Count { get; private set; }

    /// <summary>Their size in HTTP/1.1.</summary>
    public int Size { get; private set; }

    /// <summary>The field at a place.</summary>
    public FieldView this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
            ref var entry = ref _entries[index];
            return new FieldView(NameOf(entry), ValueOf(entry), entry.Kind, entry.IsSensitive);
        }
    }

    /// <summary>The first field of this lower-case name.</summary>
    public bool TryGet(ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        var index = IndexOf(name, 0);
        value = index < 0 ? default : ValueOf(_entries[index]);
        return index >= 0;
    }

    /// <summary>The first field of a kind.</summary>
    public bool TryGet(FieldKind kind, out ReadOnlySpan<byte> value)
    {
        for (var index = 0; index < Count; index++)
        {
            if (_entries[index].Kind == kind)
            {
                value = ValueOf(_entries[index]);
                return true;
            }
        }

        value = default;
        return false;
    }

    /// <summary>Whether a field of this lower-case name is there.</summary>
    public bool Contains(ReadOnlySpan<byte> name) => IndexOf(name, 0) >= 0;

    /// <summary>The values of all fields of this lower-case name, joined by commas as RFC 9110 §5.3 allows, or null.</summary>
    public string? Text(ReadOnlySpan<byte> name)
    {
        var index = IndexOf(name, 0);
        if (index < 0)
        {
            return null;
        }

        var text = Encoding.Latin1.GetString(ValueOf(_entries[index]));
        while ((index = IndexOf(name, index + 1)) >= 0)
        {
            text += "," + Encoding.Latin1.GetString(ValueOf(_entries[index]));
        }

        return text;
    }

    /// <summary>The same for a name that is text.</summary>
    public string? Text(string name)
    {
        Span<byte> bytes = stackalloc byte[FieldSyntax.LongestKnownName];
        return name.Length <= bytes.Length && Encoding.Latin1.TryGetBytes(name, bytes, out var count)
            ? Text(bytes[..count])
            : Text(Encoding.Latin1.GetBytes(name));
    }

    /// <summary>Appends a field.</summary>
    public void Add(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, bool isSensitive = false) =>
        Add(name, value, FieldKinds.Of(name), isSensitive);

    /// <summary>Appends a field given as text: checked, and its name brought to lower case.</summary>
    /// <exception cref="ArgumentException">The name is no token, or the value holds a control character or more than Latin-1.</exception>
    public void Add(string name, string value, bool isSensitive = false)
    {
        var bytes = FieldSyntax.Encode(name, value, out var nameLength);
        Add(bytes.AsSpan(0, nameLength), bytes.AsSpan(nameLength), isSensitive);
    }

    /// <summary>Puts one field in the place of all of this lower-case name; a new one goes to the end.</summary>
    public void Set(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        var index = IndexOf(name, 0);
        if (index < 0)
        {
            Add(name, value);
            return;
        }

        for (var other = IndexOf(name, index + 1); other >= 0; other = IndexOf(name, other))
        {
            RemoveAt(other);
        }

        var kind = _entries[index].Kind;
        Size -= _entries[index].Length;
        _entries[index] = Append(name, value, kind, _entries[index].IsSensitive);
        Size += _entries[index].Length;
    }

    /// <summary>The same for text.</summary>
    public void Set(string name, string value)
    {
        var bytes = FieldSyntax.Encode(name, value, out var nameLength);
        Set(bytes.AsSpan(0, nameLength), bytes.AsSpan(nameLength));
    }

    /// <summary>Removes all fields of this lower-case name; false if there was none.</summary>
    public bool Remove(ReadOnlySpan<byte> name)
    {
        var index = IndexOf(name, 0);
        var found = index >= 0;
        for (; index >= 0; index = IndexOf(name, index))
        {
            RemoveAt(index);
        }

        return found;
    }

    /// <summary>Removes all fields of a kind.</summary>
    public void Remove(FieldKind kind)
    {
        for (var index = Count - 1; index >= 0; index--)
        {
            if (_entries[index].Kind == kind)
            {
                RemoveAt(index);
            }
        }
    }

    /// <summary>Removes the first field of a kind.</summary>
    internal void RemoveFirst(FieldKind kind)
    {
        for (var index = 0; index < Count; index++)
        {
            if (_entries[index].Kind == kind)
            {
                RemoveAt(index);
                return;
            }
        }
    }

    /// <summary>Removes the field at a place; those behind it move up.</summary>
    public void RemoveAt(int index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
        Size -= _entries[index].Length;
        Array.Copy(_entries, index + 1, _entries, index, Count - index - 1);
        Count--;
    }

    /// <summary>Becomes a copy of another list.</summary>
    public void CopyFrom(FieldList other)
    {
        ArgumentNullException.ThrowIfNull(other);
        Clear();
        for (var index = 0; index < other.Count; index++)
        {
            var entry = other._entries[index];
            Add(other.NameOf(entry), other.ValueOf(entry), entry.Kind, entry.IsSensitive);
        }
    }

    /// <summary>Forgets everything and gives the memory back.</summary>
    public void Clear()
    {
        if (_bytes.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = [];
        }

        if (_entries.Length > 0)
        {
            ArrayPool<Entry>.Shared.Return(_entries);
            _entries = [];
        }

        Count = _used = Size = 0;
    }

    internal void Add(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, FieldKind kind, bool isSensitive)
    {
        AddEntry(Append(name, value, kind, isSensitive));
    }

    /// <summary>
    /// Room for a line of a name and a value of these lengths at most; what the caller puts there becomes a field by
    /// <see cref="Keep"/>, or is forgotten.
    /// </summary>
    internal Span<byte> Room(int nameLength, int valueLength)
    {
        var needed = _used + nameLength + valueLength + LineOverhead;
        if (needed > _bytes.Length)
        {
            Grow(needed);
        }

        return _bytes.AsSpan(_used);
    }

    /// <summary>The room holds a lower-case name of this length at its start; the rest of the line is put there.</summary>
    internal void Keep(int nameLength, ReadOnlySpan<byte> value, FieldKind kind)
    {
        var line = _bytes.AsSpan(_used, nameLength + value.Length + LineOverhead);
        Finish(line, nameLength, value);
        AddEntry(new Entry(_used, line.Length, nameLength, kind, false));
        _used += line.Length;
    }

    /// <summary>The next lines in one piece, from a place on and without kinds of this set; empty at the end.</summary>
    internal ReadOnlySpan<byte> Run(ref int from, uint without)
    {
        while (from < Count && IsOf(_entries[from].Kind, without))
        {
            from++;
        }

        if (from == Count)
        {
            return default;
        }

        var start = _entries[from].Start;
        var end = start;
        while (from < Count && _entries[from].Start == end && !IsOf(_entries[from].Kind, without))
        {
            end += _entries[from++].Length;
        }

        return _bytes.AsSpan(start, end - start);
    }

    private static bool IsOf(FieldKind kind, uint set) => (set >> (int)kind & 1) != 0;

    private static void Finish(Span<byte> line, int nameLength, ReadOnlySpan<byte> value)
    {
        line[nameLength] = (byte)':';
        line[nameLength + 1] = (byte)' ';
        value.CopyTo(line[(nameLength + 2)..]);
        line[^2] = (byte)'\r';
        line[^1] = (byte)'\n';
    }

    private Entry Append(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, FieldKind kind, bool isSensitive)
    {
        name.CopyTo(Room(name.Length, value.Length));
        var line = _bytes.AsSpan(_used, name.Length + value.Length + LineOverhead);
        Finish(line, name.Length, value);
        var entry = new Entry(_used, line.Length, name.Length, kind, isSensitive);
        _used += line.Length;
        return entry;
    }

    private void AddEntry(Entry entry)
    {
        if (Count == _entries.Length)
        {
            var entries = ArrayPool<Entry>.Shared.Rent(Math.Max(FirstEntries, Count * 2));
            Array.Copy(_entries, entries, Count);
            if (_entries.Length > 0)
            {
                ArrayPool<Entry>.Shared.Return(_entries);
            }

            _entries = entries;
        }

        _entries[Count++] = entry;
        Size += entry.Length;
    }

    private void Grow(int needed)
    {
        var bytes = ArrayPool<byte>.Shared.Rent(Math.Max(Math.Max(FirstBytes, needed), _used * 2));
        _bytes.AsSpan(0, _used).CopyTo(bytes);
        if (_bytes.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
        }

        _bytes = bytes;
    }

    private int IndexOf(ReadOnlySpan<byte> name, int from)
    {
        for (var index = from; index < Count; index++)
        {
            if (_entries[index].NameLength == name.Length && NameOf(_entries[index]).SequenceEqual(name))
            {
                return index;
            }
        }

        return -1;
    }

    private ReadOnlySpan<byte> NameOf(in Entry entry) => _bytes.AsSpan(entry.Start, entry.NameLength);

    private ReadOnlySpan<byte> ValueOf(in Entry entry) =>
        _bytes.AsSpan(entry.Start + entry.NameLength + 2, entry.Length - entry.NameLength - LineOverhead);

    private readonly record struct Entry(int Start, int Length, int NameLength, FieldKind Kind, bool IsSensitive);
}
