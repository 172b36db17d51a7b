namespace Ambient.Http.Rules;

/// <summary>
/// The methods that are known (the registry of RFC 9110 §16.1.1 as Envoy reads it). Others are refused for both protocols: a policy about GET
/// must not be passed by <c>get</c> or <c>GET,</c>.
/// </summary>
internal static class Methods
{
    private static readonly string[] Usual = ["GET", "POST", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS"];

    private static readonly HashSet<string> Known =
    [
        .. Usual, "TRACE", "CONNECT", "ACL", "BIND", "CHECKOUT", "COPY", "LINK", "LOCK", "MERGE", "MKACTIVITY", "MKCALENDAR", "MKCOL",
        "MOVE", "NOTIFY", "PROPFIND", "PROPPATCH", "PURGE", "REBIND", "REPORT", "SEARCH", "SOURCE", "SUBSCRIBE", "UNBIND", "UNLINK", "UNLOCK",
        "UNSUBSCRIBE",
    ];

    private static readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> BySpan = Known.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>The method's own string, or null if it is not known.</summary>
    public static string? Find(ReadOnlySpan<byte> method)
    {
        if (method.SequenceEqual("GET"u8))
        {
            return "GET";
        }

        if (method.SequenceEqual("POST"u8))
        {
            return "POST";
        }

        Span<char> text = stackalloc char[16];
        if (method.Length > text.Length)
        {
            return null;
        }

        for (var index = 0; index < method.Length; index++)
        {
            text[index] = (char)method[index];
        }

        return BySpan.TryGetValue(text[..method.Length], out var known) ? known : null;
    }

    /// <summary>The same for text.</summary>
    public static string? Find(string method) => Known.TryGetValue(method, out var known) ? known : null;

    /// <summary>Whether a known method begins so.</summary>
    public static bool IsBeginning(ReadOnlySpan<byte> text)
    {
        foreach (var method in Known)
        {
            if (method.Length >= text.Length && System.Text.Ascii.Equals(text, method.AsSpan(0, text.Length)))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>A request of this method says that it has no body by <c>content-length: 0</c>, because one is expected (RFC 9110 §8.6).</summary>
    public static bool ExpectsBody(string method) => method is "POST" or "PUT" or "PATCH" or "OPTIONS";
}
