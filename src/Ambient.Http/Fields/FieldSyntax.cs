using System.Buffers;
using System.Text;

namespace Ambient.Http.Fields;

/// <summary>What a field's name and value may consist of (RFC 9110 §5.1, §5.5, §5.6.2).</summary>
internal static class FieldSyntax
{
    /// <summary>Names up to here are looked up without an allocation; the longest registered one has 43 characters.</summary>
    public const int LongestKnownName = 64;

    private const string TokenCharacters = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    /// <summary>Control characters other than HTAB. Bytes from 0x80 on are opaque data and pass.</summary>
    private static readonly SearchValues<byte> ForbiddenInValues =
        SearchValues.Create([.. Enumerable.Range(0, 0x20).Where(octet => octet != '\t').Append(0x7f).Select(octet => (byte)octet)]);

    private static readonly SearchValues<byte> Token = SearchValues.Create(Encoding.ASCII.GetBytes(TokenCharacters));

    /// <summary>For each octet its lower-case token character, 0 for what is none.</summary>
    private static readonly byte[] LowerToken = MakeLowerToken();

    public static bool IsValue(ReadOnlySpan<byte> value) => !value.ContainsAny(ForbiddenInValues);

    public static bool IsToken(ReadOnlySpan<byte> text) => !text.IsEmpty && !text.ContainsAnyExcept(Token);

    /// <summary>Copies a name in lower case; false if it is no token.</summary>
    public static bool TryLower(ReadOnlySpan<byte> name, Span<byte> lower)
    {
        var table = LowerToken;
        var all = 1;
        lower = lower[..name.Length];
        for (var index = 0; index < name.Length; index++)
        {
            var octet = table[name[index]];
            lower[index] = octet;
            all = octet == 0 ? 0 : all;
        }

        return all != 0 && name.Length > 0;
    }

    public static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> value)
    {
        var start = 0;
        while (start < value.Length && IsBlank(value[start]))
        {
            start++;
        }

        var end = value.Length;
        while (end > start && IsBlank(value[end - 1]))
        {
            end--;
        }

        return value[start..end];
    }

    public static bool IsBlank(byte octet) => octet is (byte)' ' or (byte)'\t';

    /// <summary>The bytes of a name and a value in one array; the value is what follows the name.</summary>
    public static byte[] Encode(string name, string value, out int nameLength)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(value);
        nameLength = name.Length;
        var bytes = new byte[name.Length + value.Length];
        var isLatin = Encoding.Latin1.GetBytes(name, bytes) == name.Length
            && !value.AsSpan().ContainsAnyExceptInRange('\0', '\u00ff')
            && Encoding.Latin1.GetBytes(value, bytes.AsSpan(nameLength)) == value.Length;
        if (!isLatin || !TryLower(bytes.AsSpan(0, nameLength), bytes) || !IsValue(bytes.AsSpan(nameLength)))
        {
            throw new ArgumentException($"no field can be called '{name}' and have this value: {value.Length} characters", nameof(name));
        }

        return bytes;
    }

    private static byte[] MakeLowerToken()
    {
        var table = new byte[256];
        foreach (var character in TokenCharacters)
        {
            table[character] = (byte)char.ToLowerInvariant(character);
        }

        return table;
    }
}
