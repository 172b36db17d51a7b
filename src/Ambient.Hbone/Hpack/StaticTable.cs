using System.Text;

namespace Ambient.Hbone.Hpack;

/// <summary>The static table (RFC 7541 Appendix A), and names that arrive so often that they need no new string.</summary>
internal static class StaticTable
{
    public const int Count = 61;

    private static readonly HeaderField[] Fields =
    [
        new(":authority", ""), new(":method", "GET"), new(":method", "POST"), new(":path", "/"), new(":path", "/index.html"),
        new(":scheme", "http"), new(":scheme", "https"), new(":status", "200"), new(":status", "204"), new(":status", "206"),
        new(":status", "304"), new(":status", "400"), new(":status", "404"), new(":status", "500"), new("accept-charset", ""),
        new("accept-encoding", "gzip, deflate"), new("accept-language", ""), new("accept-ranges", ""), new("accept", ""),
        new("access-control-allow-origin", ""), new("age", ""), new("allow", ""), new("authorization", ""),
        new("cache-control", ""), new("content-disposition", ""), new("content-encoding", ""), new("content-language", ""),
        new("content-length", ""), new("content-location", ""), new("content-range", ""), new("content-type", ""),
        new("cookie", ""), new("date", ""), new("etag", ""), new("expect", ""), new("expires", ""), new("from", ""),
        new("host", ""), new("if-match", ""), new("if-modified-since", ""), new("if-none-match", ""), new("if-range", ""),
        new("if-unmodified-since", ""), new("last-modified", ""), new("link", ""), new("location", ""),
        new("max-forwards", ""), new("proxy-authenticate", ""), new("proxy-authorization", ""), new("range", ""),
        new("referer", ""), new("refresh", ""), new("retry-after", ""), new("server", ""), new("set-cookie", ""),
        new("strict-transport-security", ""), new("transfer-encoding", ""), new("user-agent", ""), new("vary", ""),
        new("via", ""), new("www-authenticate", ""),
    ];

    /// <summary>Index of the first entry of a name.</summary>
    private static readonly Dictionary<string, int> ByName = BuildByName();

    private static readonly string[][] KnownTexts = BuildKnownTexts();

    /// <summary>An entry by its index, 1 to <see cref="Count"/>.</summary>
    public static HeaderField Get(int index) => Fields[index - 1];

    /// <summary>The index of an entry with this name, and whether the value is also the same; 0 if there is none.</summary>
    public static int Find(string name, string value, out bool exact)
    {
        exact = false;
        if (!ByName.TryGetValue(name, out var first))
        {
            return 0;
        }

        for (var index = first; index <= Count && Fields[index - 1].Name == name; index++)
        {
            if (Fields[index - 1].Value == value)
            {
                exact = true;
                return index;
            }
        }

        return first;
    }

    /// <summary>Latin-1 text as a string, without allocating for names and values that every tunnel uses.</summary>
    public static string Text(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            return "";
        }

        if (bytes.Length < KnownTexts.Length && KnownTexts[bytes.Length] is { } candidates)
        {
            foreach (var candidate in candidates)
            {
                if (Ascii.Equals(bytes, candidate))
                {
                    return candidate;
                }
            }
        }

        return Encoding.Latin1.GetString(bytes);
    }

    private static Dictionary<string, int> BuildByName()
    {
        var map = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var index = Count; index >= 1; index--)
        {
            map[Fields[index - 1].Name] = index;
        }

        return map;
    }

    private static string[][] BuildKnownTexts()
    {
        string[] tunnel = ["CONNECT", "baggage", "forwarded", "traceparent", "tracestate", "x-forwarded-network", "te", "trailers"];
        var groups = Fields.Select(field => field.Name).Concat(tunnel).Distinct().GroupBy(text => text.Length).ToList();
        var table = new string[groups.Max(group => group.Key) + 1][];
        foreach (var group in groups)
        {
            table[group.Key] = [.. group];
        }

        return table;
    }
}
