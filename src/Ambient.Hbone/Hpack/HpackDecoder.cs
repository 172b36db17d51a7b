using System.Buffers;
using System.Text;

namespace Ambient.Hbone.Hpack;

/// <summary>Decodes header blocks (RFC 7541 §3). One per connection; a failure loses the compression state for good.</summary>
internal sealed class HpackDecoder(int maxTableSize)
{
    /// <summary>
    /// How far beyond the announced header list size a block is still decoded (without being kept), so that one request
    /// too large costs its sender that request and not the connection. Four times: a bomb of indexed entries ends there.
    /// </summary>
    private const int OverrunFactor = 4;

    private readonly DynamicTable _table = new(maxTableSize);
    private int _announcedTableSize = maxTableSize;

    /// <summary>Decoded bytes of the dynamic table.</summary>
    public int TableSize => _table.Size;

    /// <summary>
    /// Decodes a complete header block into <paramref name="fields"/>. Returns false if the list is larger than
    /// <paramref name="maxListSize"/> (the fields are then incomplete, the table is in order); throws if the block is
    /// broken or so large that it looks like a bomb.
    /// </summary>
    public bool Decode(ReadOnlySpan<byte> block, List<HeaderField> fields, int maxListSize)
    {
        var position = 0;
        long size = 0;
        var updates = 0;
        var any = false;
        while (position < block.Length)
        {
            var first = block[position];
            if ((first & 0xe0) == 0x20)
            {
                UpdateTableSize(block, ref position, any || ++updates > 2);
                continue;
            }

            any = true;
            var field = (first & 0x80) != 0 ? ReadIndexed(block, ref position) : ReadLiteral(block, ref position, first);
            size += field.Size;
            if (size <= maxListSize)
            {
                fields.Add(field);
            }
            else if (size > (long)maxListSize * OverrunFactor)
            {
                throw new HeaderBombException($"a header list of more than {maxListSize * (long)OverrunFactor} bytes");
            }
        }

        return size <= maxListSize;
    }

    // Dynamic table size update (RFC 7541 §6.3): | 0 0 1 | Max size (5+) |
    private void UpdateTableSize(ReadOnlySpan<byte> block, ref int position, bool misplaced)
    {
        var size = HpackInteger.Read(block, ref position, 5);
        if (misplaced)
        {
            throw new HpackException("a table size update after the first field, or a third one");
        }

        if (size > _announcedTableSize)
        {
            throw new HpackException($"a table of {size} bytes where {_announcedTableSize} are allowed");
        }

        _table.Resize(size);
    }

    // Indexed field (RFC 7541 §6.1): | 1 | Index (7+) |
    private HeaderField ReadIndexed(ReadOnlySpan<byte> block, ref int position) =>
        Lookup(HpackInteger.Read(block, ref position, 7));

    // Literal field (RFC 7541 §6.2), the name by index or as text:
    //   | 0 1 | Index (6+) |        and added to the table
    //   | 0 0 0 0 | Index (4+) |    not added
    //   | 0 0 0 1 | Index (4+) |    never added, at no hop
    private HeaderField ReadLiteral(ReadOnlySpan<byte> block, ref int position, byte first)
    {
        var isAdded = (first & 0x40) != 0;
        var nameIndex = HpackInteger.Read(block, ref position, isAdded ? 6 : 4);
        var name = nameIndex == 0 ? ReadString(block, ref position) : Lookup(nameIndex).Name;
        var field = new HeaderField(name, ReadString(block, ref position), (first & 0xf0) == 0x10);
        if (isAdded)
        {
            _table.Add(field);
        }

        return field;
    }

    private HeaderField Lookup(int index)
    {
        if (index >= 1 && index <= StaticTable.Count)
        {
            return StaticTable.Get(index);
        }

        var dynamicIndex = index - StaticTable.Count - 1;
        return index != 0 && dynamicIndex < _table.Count
            ? _table[dynamicIndex]
            : throw new HpackException($"index {index} is in neither table");
    }

    // String literal (RFC 7541 §5.2): | H | Length (7+) | octets |
    private static string ReadString(ReadOnlySpan<byte> block, ref int position)
    {
        var isHuffman = position < block.Length && (block[position] & 0x80) != 0;
        var length = HpackInteger.Read(block, ref position, 7);
        if (length > block.Length - position)
        {
            throw new HpackException("a string is longer than its block");
        }

        var encoded = block.Slice(position, length);
        position += length;
        if (!isHuffman)
        {
            return StaticTable.Text(encoded);
        }

        var most = HuffmanCode.MostDecoded(length);
        byte[]? rented = null;
        var buffer = most <= 512 ? stackalloc byte[512] : (rented = ArrayPool<byte>.Shared.Rent(most));
        try
        {
            return StaticTable.Text(buffer[..HuffmanCode.Decode(encoded, buffer)]);
        }
        finally
        {
            if (rented is not null)
            {
                ArrayPool<byte>.Shared.Return(rented);
            }
        }
    }
}
