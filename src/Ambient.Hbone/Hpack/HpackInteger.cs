using System.Buffers;

namespace Ambient.Hbone.Hpack;

/// <summary>
/// Prefixed integers (RFC 7541 §5.1).
/// <code>
///   0   1   2   3   4   5   6   7
/// +---+---+---+---+---+---+---+---+
/// | ? | ? | ? | 1   1   1   1   1 |   N-bit prefix, here 5
/// +---+---+---+-------------------+
/// | 1 |    Value-(2^N-1) LSB      |
/// +---+---------------------------+
///                ...
/// | 0 |    Value-(2^N-1) MSB      |
/// +---+---------------------------+
/// </code>
/// </summary>
internal static class HpackInteger
{
    /// <summary>Five octets after the prefix hold 2^35; nothing in HTTP/2 is that large.</summary>
    private const int MostBits = 28;

    /// <summary>Reads an integer whose prefix has <paramref name="prefixBits"/> bits; throws if the block ends first.</summary>
    public static int Read(ReadOnlySpan<byte> block, ref int position, int prefixBits)
    {
        if (position >= block.Length)
        {
            throw Truncated();
        }

        var mask = (1 << prefixBits) - 1;
        var value = block[position++] & mask;
        if (value < mask)
        {
            return value;
        }

        for (var shift = 0; shift <= MostBits; shift += 7)
        {
            if (position >= block.Length)
            {
                throw Truncated();
            }

            var octet = block[position++];
            var sum = value + ((long)(octet & 0x7f) << shift);
            if (sum > int.MaxValue)
            {
                break;
            }

            value = (int)sum;
            if ((octet & 0x80) == 0)
            {
                return value;
            }
        }

        throw new HpackException("an integer is too large");
    }

    /// <summary>Writes an integer after the pattern bits of its first octet.</summary>
    public static void Write(ArrayBufferWriter<byte> output, int value, int prefixBits, byte pattern)
    {
        var mask = (1 << prefixBits) - 1;
        var span = output.GetSpan(6);
        if (value < mask)
        {
            span[0] = (byte)(pattern | value);
            output.Advance(1);
            return;
        }

        span[0] = (byte)(pattern | mask);
        value -= mask;
        var length = 1;
        while (value >= 0x80)
        {
            span[length++] = (byte)(value | 0x80);
            value >>= 7;
        }

        span[length++] = (byte)value;
        output.Advance(length);
    }

    private static HpackException Truncated() => new("the header block ends inside an integer");
}
