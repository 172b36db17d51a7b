using System.Buffers;
using System.Text;

namespace Ambient.Hbone.Hpack;

/// <summary>
/// Encodes header blocks. What repeats from tunnel to tunnel (the source's baggage, the target) enters the dynamic table;
/// what differs each time does not, and sensitive fields never do. One per connection.
/// </summary>
internal sealed class HpackEncoder(bool useHuffman)
{
    /// <summary>The largest table this encoder uses, whatever the peer offers: searching it is linear. The protocol's default.</summary>
    public const int MostTableSize = 4_096;

    private readonly DynamicTable _table = new(MostTableSize);
    private int _pendingSize = -1;
    private int _smallestPendingSize = -1;

    /// <summary>Follows the peer's SETTINGS_HEADER_TABLE_SIZE; the next block announces it (RFC 7541 §4.2).</summary>
    public void LimitTable(uint peerSize)
    {
        var size = (int)Math.Min(peerSize, MostTableSize);
        if (size == (_pendingSize >= 0 ? _pendingSize : _table.MaxSize))
        {
            return;
        }

        _smallestPendingSize = _smallestPendingSize < 0 ? size : Math.Min(_smallestPendingSize, size);
        _pendingSize = size;
    }

    /// <summary>Starts a header block: announces a changed table size.</summary>
    public void Begin(ArrayBufferWriter<byte> output)
    {
        if (_pendingSize < 0)
        {
            return;
        }

        if (_smallestPendingSize < _pendingSize)
        {
            HpackInteger.Write(output, _smallestPendingSize, 5, 0x20);
            _table.Resize(_smallestPendingSize);
        }

        HpackInteger.Write(output, _pendingSize, 5, 0x20);
        _table.Resize(_pendingSize);
        _pendingSize = _smallestPendingSize = -1;
    }

    /// <summary>Writes one field.</summary>
    public void Write(ArrayBufferWriter<byte> output, in HeaderField field)
    {
        var index = StaticTable.Find(field.Name, field.Value, out var exact);
        if (exact && !field.IsSensitive)
        {
            HpackInteger.Write(output, index, 7, 0x80);
            return;
        }

        if (field.IsSensitive)
        {
            WriteLiteral(output, field, index, 4, 0x10);
            return;
        }

        if (!Repeats(field.Name) || field.Size > _table.MaxSize / 2)
        {
            WriteLiteral(output, field, index, 4, 0x00);
            return;
        }

        var dynamicIndex = _table.Find(field.Name, field.Value, out exact);
        if (exact)
        {
            HpackInteger.Write(output, StaticTable.Count + 1 + dynamicIndex, 7, 0x80);
            return;
        }

        index = index == 0 && dynamicIndex >= 0 ? StaticTable.Count + 1 + dynamicIndex : index;
        WriteLiteral(output, field, index, 6, 0x40);
        _table.Add(field);
    }

    private static bool Repeats(string name) =>
        name is ":authority" or "baggage" or ":method" or ":status" or ":scheme" or "x-forwarded-network";

    private void WriteLiteral(ArrayBufferWriter<byte> output, in HeaderField field, int nameIndex, int prefixBits, byte pattern)
    {
        HpackInteger.Write(output, nameIndex, prefixBits, pattern);
        if (nameIndex == 0)
        {
            WriteString(output, field.Name);
        }

        WriteString(output, field.Value);
    }

    private void WriteString(ArrayBufferWriter<byte> output, string text)
    {
        var encodedLength = useHuffman ? HuffmanCode.EncodedLength(text) : text.Length;
        if (encodedLength < text.Length)
        {
            HpackInteger.Write(output, encodedLength, 7, 0x80);
            HuffmanCode.Encode(text, output.GetSpan(encodedLength));
            output.Advance(encodedLength);
            return;
        }

        HpackInteger.Write(output, text.Length, 7, 0x00);
        Encoding.Latin1.GetBytes(text, output.GetSpan(text.Length));
        output.Advance(text.Length);
    }
}
