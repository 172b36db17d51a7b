using System.Buffers;

namespace Ambient.Http.Rules;

/// <summary>What may stand in <c>host</c> and <c>:authority</c> (RFC 3986 §3.2): a host and perhaps a port, nothing before it.</summary>
internal static class Authorities
{
    /// <summary>Unreserved characters, escapes and sub-delimiters; not the comma, which joins two hosts into one.</summary>
    private static readonly SearchValues<byte> Name = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+;=%"u8);

    private static readonly SearchValues<byte> Address = SearchValues.Create("0123456789abcdefABCDEF:.%"u8);

    public static bool IsValid(ReadOnlySpan<byte> authority)
    {
        var rest = authority;
        if (!rest.IsEmpty && rest[0] == '[')
        {
            var end = rest.IndexOf((byte)']');
            if (end < 3 || rest[1..end].ContainsAnyExcept(Address))
            {
                return false;
            }

            rest = rest[(end + 1)..];
        }
        else
        {
            var end = rest.IndexOf((byte)':');
            var name = end < 0 ? rest : rest[..end];
            if (name.ContainsAnyExcept(Name))
            {
                return false;
            }

            rest = rest[name.Length..];
        }

        return rest.IsEmpty
            || (rest[0] == ':' && rest.Length <= 6 && !rest[1..].ContainsAnyExceptInRange((byte)'0', (byte)'9') && PortOf(rest[1..]) <= 65_535);
    }

    private static int PortOf(ReadOnlySpan<byte> digits)
    {
        var port = 0;
        foreach (var digit in digits)
        {
            port = (port * 10) + digit - '0';
        }

        return port;
    }
}
