namespace Ambient.Http.Rules;

/// <summary>The grammar of <c>content-length</c>: digits, and nothing a lenient reader would take for a number besides.</summary>
internal static class ContentLengths
{
    /// <summary>What 63 bits hold for sure.</summary>
    private const int MostDigits = 18;

    public static bool TryRead(ReadOnlySpan<byte> text, out long length)
    {
        length = 0;
        if (text.IsEmpty || text.Length > MostDigits)
        {
            return false;
        }

        foreach (var digit in text)
        {
            if (digit is < (byte)'0' or > (byte)'9')
            {
                return false;
            }

            length = (length * 10) + digit - '0';
        }

        return true;
    }
}
