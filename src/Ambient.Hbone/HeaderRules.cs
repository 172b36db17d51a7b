using System.Buffers;

namespace Ambient.Hbone;

/// <summary>
/// What makes a request or a response malformed (RFC 9113 §8.2, §8.3). Each check answers with words for the log, or null
/// if nothing is wrong. Strict, because what passes here may be written into HTTP/1.1 by whoever reads it.
/// </summary>
internal static class HeaderRules
{
    private static readonly SearchValues<char> NameCharacters =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz");

    private static readonly SearchValues<char> ForbiddenInValues = SearchValues.Create("\0\r\n");

    /// <summary>Control characters, spaces and user information have no place in a target.</summary>
    private static readonly SearchValues<char> AuthorityCharacters = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:[]%");

    /// <summary>Reads a request head.</summary>
    public static string? ReadRequest(List<HeaderField> fields, bool endStream, out RequestHeaders request)
    {
        string? method = null, scheme = null, authority = null, path = null;
        request = null!;
        var pseudo = 0;
        for (; pseudo < fields.Count && fields[pseudo].Name.StartsWith(':'); pseudo++)
        {
            var (name, value, _) = fields[pseudo];
            ref var slot = ref method;
            switch (name)
            {
                case ":method":
                    break;
                case ":scheme":
                    slot = ref scheme;
                    break;
                case ":authority":
                    slot = ref authority;
                    break;
                case ":path":
                    slot = ref path;
                    break;
                default:
                    return $"the pseudo-header field {Shown(name)} is unknown";
            }

            if (slot is not null)
            {
                return $"{name} appears twice";
            }

            slot = value;
        }

        var wrong = CheckTarget(method, scheme, authority, path) ?? CheckFields(fields, pseudo, isTrailer: false);
        if (wrong is not null)
        {
            return wrong;
        }

        var rest = Rest(fields, pseudo);
        if (authority is not null && rest["host"] is { } host && !host.Equals(authority, StringComparison.OrdinalIgnoreCase))
        {
            return "host differs from :authority";
        }

        request = new RequestHeaders
        {
            Method = method!,
            Scheme = scheme,
            Authority = authority,
            Path = path,
            Fields = rest,
            EndStream = endStream,
        };
        return null;
    }

    /// <summary>Reads a response head.</summary>
    public static string? ReadResponse(List<HeaderField> fields, bool endStream, out ResponseHeaders response)
    {
        response = null!;
        if (fields.Count == 0 || fields[0].Name != ":status")
        {
            return "a response starts with :status";
        }

        var text = fields[0].Value;
        if (text.Length != 3 || !int.TryParse(text, out var status) || status is < 100 or > 999)
        {
            return $":status is {Shown(text)}";
        }

        if (status == 101)
        {
            return "HTTP/2 has no 101 (RFC 9113 §8.6)";
        }

        var wrong = CheckFields(fields, 1, isTrailer: false);
        if (wrong is null)
        {
            response = new ResponseHeaders { Status = status, Fields = Rest(fields, 1), EndStream = endStream };
        }

        return wrong;
    }

    /// <summary>Reads trailer fields.</summary>
    public static string? ReadTrailers(List<HeaderField> fields, out HeaderList trailers)
    {
        var wrong = CheckFields(fields, 0, isTrailer: true);
        trailers = wrong is null ? Rest(fields, 0) : HeaderList.Empty;
        return wrong;
    }

    /// <summary>Checks what we are about to send; a mistake here is our own.</summary>
    public static void CheckOutgoing(ReadOnlySpan<HeaderField> fields)
    {
        foreach (var field in fields)
        {
            if (CheckField(field, isTrailer: false) is { } wrong)
            {
                throw new ArgumentException(wrong, nameof(fields));
            }
        }
    }

    /// <summary>Checks an authority that we are about to send.</summary>
    public static bool IsAuthority(string? authority) =>
        !string.IsNullOrEmpty(authority) && !authority.AsSpan().ContainsAnyExcept(AuthorityCharacters);

    private static string? CheckTarget(string? method, string? scheme, string? authority, string? path)
    {
        if (string.IsNullOrEmpty(method) || method.AsSpan().ContainsAnyExceptInRange('!', '~'))
        {
            return ":method is missing or not a token";
        }

        if (authority is not null && !IsAuthority(authority))
        {
            return $":authority is {Shown(authority)}";
        }

        if (method == "CONNECT")
        {
            return authority is null ? "CONNECT without :authority"
                : scheme is not null || path is not null ? "CONNECT with :scheme or :path (RFC 9113 §8.5)"
                : null;
        }

        if (string.IsNullOrEmpty(scheme) || string.IsNullOrEmpty(path))
        {
            return ":scheme or :path is missing";
        }

        return path.AsSpan().ContainsAnyExceptInRange('!', '~') || (path[0] != '/' && !(path == "*" && method == "OPTIONS"))
            ? $":path is {Shown(path)}"
            : null;
    }

    private static string? CheckFields(List<HeaderField> fields, int from, bool isTrailer)
    {
        var hosts = 0;
        var lengths = 0;
        for (var index = from; index < fields.Count; index++)
        {
            if (CheckField(fields[index], isTrailer) is { } wrong)
            {
                return wrong;
            }

            hosts += fields[index].Name == "host" ? 1 : 0;
            lengths += fields[index].Name == "content-length" ? 1 : 0;
        }

        return hosts > 1 || lengths > 1 ? "host or content-length appears twice" : null;
    }

    private static string? CheckField(in HeaderField field, bool isTrailer)
    {
        var (name, value, _) = field;
        if (name.Length == 0 || name.AsSpan().ContainsAnyExcept(NameCharacters))
        {
            return name.StartsWith(':') ? $"{Shown(name)} after the other fields" : $"the field name {Shown(name)}";
        }

        if (value.AsSpan().ContainsAny(ForbiddenInValues) || (value.Length > 0 && (IsBlank(value[0]) || IsBlank(value[^1]))))
        {
            return $"the value of {name} holds a control character or surrounding whitespace";
        }

        return name switch
        {
            "connection" or "proxy-connection" or "keep-alive" or "transfer-encoding" or "upgrade" =>
                $"the connection-specific field {name} (RFC 9113 §8.2.2)",
            "te" when value != "trailers" => "te other than trailers",
            "content-length" when isTrailer => "content-length among the trailers",
            "content-length" when value.Length is 0 or > 18 || value.AsSpan().ContainsAnyExceptInRange('0', '9') =>
                $"content-length is {Shown(value)}",
            _ => null,
        };
    }

    private static bool IsBlank(char character) => character is ' ' or '\t';

    private static HeaderList Rest(List<HeaderField> fields, int from) =>
        from == fields.Count
            ? HeaderList.Empty
            : new HeaderList(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(fields)[from..]);

    /// <summary>Peer-controlled text for a log line: short and printable.</summary>
    private static string Shown(string text)
    {
        var shown = text.Length <= 40 ? text : text[..40] + "…";
        return "'" + string.Concat(shown.Select(c => c is >= ' ' and not '\x7f' ? c : '?')) + "'";
    }
}
