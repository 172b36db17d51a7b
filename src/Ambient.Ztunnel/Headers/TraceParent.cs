using System.Buffers;

namespace Ambient.Ztunnel.Headers;

/// <summary>The <c>traceparent</c> header (W3C Trace Context): <c>00-TRACE-SPAN-FLAGS</c>.</summary>
internal static class TraceParent
{
    public const string Name = "traceparent";

    private static readonly SearchValues<char> Hexadecimal = SearchValues.Create("0123456789abcdef");

    /// <summary>A new trace, not sampled.</summary>
    public static string New(Random random)
    {
        Span<byte> ids = stackalloc byte[24];
        random.NextBytes(ids);
        return $"00-{Convert.ToHexStringLower(ids[..16])}-{Convert.ToHexStringLower(ids[16..])}-00";
    }

    /// <summary>The trace that a header names; null where it is not of this form, whatever it is.</summary>
    public static string? TraceId(string? header) =>
        header is { Length: 55 } && header[2] == '-' && header[35] == '-' && header[52] == '-'
        && !header.AsSpan(0, 2).ContainsAnyExcept(Hexadecimal)
        && !header.AsSpan(3, 32).ContainsAnyExcept(Hexadecimal)
        && !header.AsSpan(36, 16).ContainsAnyExcept(Hexadecimal)
            ? header[3..35]
            : null;
}
