namespace Ambient.Hbone.Hpack;

/// <summary>The string code of HPACK (RFC 7541 §5.2 and Appendix B).</summary>
internal static class HuffmanCode
{
    private const int ShortBits = 9;
    private const int LongestBits = 30;

    private static readonly uint[] Codes = new uint[257];

    /// <summary>Symbol &lt;&lt; 4 | length for every code of at most nine bits, by the next nine bits; 0 for longer codes.</summary>
    private static readonly ushort[] Short = new ushort[1 << ShortBits];

    /// <summary>By length: the first code of that length, and where its symbol stands in <see cref="Ordered"/>.</summary>
    private static readonly uint[] FirstCode = new uint[LongestBits + 2];
    private static readonly int[] FirstIndex = new int[LongestBits + 2];
    private static readonly short[] Ordered = new short[257];

    static HuffmanCode()
    {
        uint code = 0;
        var index = 0;
        for (var length = 1; length <= LongestBits; length++)
        {
            code <<= 1;
            FirstCode[length] = code;
            FirstIndex[length] = index;
            for (var symbol = 0; symbol < 257; symbol++)
            {
                if (HuffmanLengths.BySymbol[symbol] != length)
                {
                    continue;
                }

                Codes[symbol] = code;
                Ordered[index++] = (short)symbol;
                if (length <= ShortBits)
                {
                    var first = (int)(code << (ShortBits - length));
                    Short.AsSpan(first, 1 << (ShortBits - length)).Fill((ushort)((symbol << 4) | length));
                }

                code++;
            }
        }

        FirstCode[LongestBits + 1] = uint.MaxValue;
        FirstIndex[LongestBits + 1] = index;
    }

    /// <summary>Bytes that the encoded text takes.</summary>
    public static int EncodedLength(ReadOnlySpan<char> text)
    {
        var bits = 0;
        foreach (var character in text)
        {
            bits += HuffmanLengths.BySymbol[(byte)character];
        }

        return (bits + 7) / 8;
    }

    /// <summary>Encodes Latin-1 text; the rest of the last octet is filled with ones.</summary>
    public static void Encode(ReadOnlySpan<char> text, Span<byte> output)
    {
        ulong pending = 0;
        var bits = 0;
        var position = 0;
        foreach (var character in text)
        {
            var length = HuffmanLengths.BySymbol[(byte)character];
            pending = (pending << length) | Codes[(byte)character];
            bits += length;
            while (bits >= 8)
            {
                bits -= 8;
                output[position++] = (byte)(pending >> bits);
            }
        }

        if (bits > 0)
        {
            output[position] = (byte)((pending << (8 - bits)) | (0xffu >> bits));
        }
    }

    /// <summary>The most bytes that an encoded string can decode to: its shortest codes have five bits.</summary>
    public static int MostDecoded(int encodedLength) => (int)((encodedLength * 8L) / 5);

    /// <summary>Decodes a string; returns its length.</summary>
    public static int Decode(ReadOnlySpan<byte> encoded, Span<byte> output)
    {
        ulong pending = 0;
        var bits = 0;
        var input = 0;
        var written = 0;
        while (true)
        {
            while (bits <= 56 && input < encoded.Length)
            {
                pending = (pending << 8) | encoded[input++];
                bits += 8;
            }

            if (bits < 5)
            {
                break;
            }

            // The next 32 bits at the top; past the end of the string there are only ones, as in legal padding.
            var next = bits >= 32 ? (uint)(pending >> (bits - 32)) : (uint)((pending << (32 - bits)) | ((1UL << (32 - bits)) - 1));
            var entry = Short[next >> (32 - ShortBits)];
            int symbol;
            int length;
            if (entry != 0)
            {
                symbol = entry >> 4;
                length = entry & 0xf;
            }
            else
            {
                length = ShortBits + 1;
                while (length < LongestBits && LengthEnds(length, next))
                {
                    length++;
                }

                symbol = Ordered[FirstIndex[length] + (int)((next >> (32 - length)) - FirstCode[length])];
            }

            if (length > bits)
            {
                break;
            }

            if (symbol == HuffmanLengths.EndOfString)
            {
                throw new HpackException("a string holds the end-of-string code");
            }

            output[written++] = (byte)symbol;
            bits -= length;
        }

        var padding = (1UL << bits) - 1;
        if (bits > 7 || (pending & padding) != padding)
        {
            throw new HpackException("a string ends with wrong padding");
        }

        return written;
    }

    private static bool LengthEnds(int length, uint next)
    {
        var count = FirstIndex[length + 1] - FirstIndex[length];
        return (next >> (32 - length)) >= FirstCode[length] + (uint)count;
    }
}
