using System.Buffers;

namespace Ambient.Http.Paths;

/// <summary>
/// One spelling for each path, before anything is decided about it; what is decided about is what goes on to the server. The rules are those of
/// Istio's waypoints: escapes of unreserved characters are decoded (RFC 3986 §6.2.2.2), backslashes become slashes, dot segments are
/// resolved, also those with parameters (<c>..;x</c>, which some servers take for <c>..</c>). Empty segments, letter case and all other
/// escapes stay as they are: a server may tell them apart.
/// </summary>
public static class PathNormalization
{
    /// <summary>Printable ASCII without what may need work; a dot matters only behind a slash, which is looked at by itself.</summary>
    private static readonly SearchValues<byte> Plain = SearchValues.Create(
        "!$&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~\""u8);

    /// <summary>
    /// Normalises a path that starts with a slash and has no query.
    /// </summary>
    /// <param name="path">The path as it was sent.</param>
    /// <param name="normal">Room for the result, as long as the path.</param>
    /// <param name="length">The result's length.</param>
    /// <returns>
    /// False if the path has no safe reading: NUL, a fragment, characters that belong into no path, or a percent sign that would form a new
    /// escape once its neighbours are decoded.
    /// </returns>
    public static bool TryNormalize(ReadOnlySpan<byte> path, Span<byte> normal, out int length)
    {
        length = 0;
        if (path.IsEmpty || path[0] != '/')
        {
            return false;
        }

        if (!path.ContainsAnyExcept(Plain))
        {
            path.CopyTo(normal);
            length = path.Length;
        }
        else if (!TryDecode(path, normal, out length))
        {
            return false;
        }

        if (normal[..length].IndexOf("/."u8) >= 0)
        {
            length = ResolveDots(normal[..length]);
        }

        return true;
    }

    private static bool TryDecode(ReadOnlySpan<byte> path, Span<byte> decoded, out int length)
    {
        length = 0;
        for (var index = 0; index < path.Length; index++)
        {
            var octet = path[index];
            if (octet is < 0x21 or > 0x7e or (byte)'#')
            {
                return false;
            }

            if (octet == '%' && TryEscape(path[index..], out var escaped))
            {
                if (escaped == 0)
                {
                    return false;
                }

                if (IsUnreserved(escaped))
                {
                    decoded[length++] = escaped;
                }
                else
                {
                    path.Slice(index, 3).CopyTo(decoded[length..]);
                    length += 3;
                }

                index += 2;
                continue;
            }

            decoded[length++] = octet == '\\' ? (byte)'/' : octet;
        }

        return !HasNewEscape(decoded[..length]);
    }

    /// <summary>A stray percent sign before decoded digits, as in <c>%%32e</c>, would read as an escape at the next hop.</summary>
    private static bool HasNewEscape(ReadOnlySpan<byte> decoded)
    {
        for (var at = decoded.IndexOf((byte)'%'); at >= 0;)
        {
            if (TryEscape(decoded[at..], out var escaped) && (escaped == 0 || IsUnreserved(escaped)))
            {
                return true;
            }

            var next = decoded[(at + 1)..].IndexOf((byte)'%');
            at = next < 0 ? -1 : at + 1 + next;
        }

        return false;
    }

    /// <summary>Removes dot segments in place (RFC 3986 §5.2.4); those at the end leave their slash.</summary>
    private static int ResolveDots(Span<byte> path)
    {
        var kept = 0;
        for (var at = 0; at < path.Length;)
        {
            var end = path[(at + 1)..].IndexOf((byte)'/');
            end = end < 0 ? path.Length : at + 1 + end;
            var dots = DotsOf(path[(at + 1)..end]);
            if (dots == 0)
            {
                path[at..end].CopyTo(path[kept..]);
                kept += end - at;
            }
            else
            {
                kept = dots == 2 ? Math.Max(0, path[..kept].LastIndexOf((byte)'/')) : kept;
                if (end == path.Length)
                {
                    path[kept++] = (byte)'/';
                }
            }

            at = end;
        }

        return kept;
    }

    private static int DotsOf(ReadOnlySpan<byte> segment)
    {
        var parameters = segment.IndexOf((byte)';');
        segment = parameters < 0 ? segment : segment[..parameters];
        return segment.SequenceEqual("."u8) ? 1 : segment.SequenceEqual(".."u8) ? 2 : 0;
    }

    private static bool TryEscape(ReadOnlySpan<byte> text, out byte octet)
    {
        octet = 0;
        if (text.Length < 3)
        {
            return false;
        }

        var high = HexDigit(text[1]);
        var low = HexDigit(text[2]);
        octet = (byte)(high << 4 | low);
        return (high | low) >= 0;
    }

    private static int HexDigit(byte digit) => digit switch
    {
        >= (byte)'0' and <= (byte)'9' => digit - '0',
        >= (byte)'a' and <= (byte)'f' => digit - 'a' + 10,
        >= (byte)'A' and <= (byte)'F' => digit - 'A' + 10,
        _ => -1,
    };

    private static bool IsUnreserved(byte octet) =>
        char.IsAsciiLetterOrDigit((char)octet) || octet is (byte)'-' or (byte)'.' or (byte)'_' or (byte)'~';
}
