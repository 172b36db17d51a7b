using System.Buffers;
using System.Text;
using Ambient.Http.Paths;

namespace Ambient.Http.Rules;

/// <summary>The forms of a request's target (RFC 9112 §3.2), and its path and query put into a head.</summary>
internal static class RequestTarget
{
    private const int StackPath = 1024;

    /// <summary>Reads a target of printable characters. Null if all is well.</summary>
    public static Refusal? Read(ReadOnlySpan<byte> target, RequestHead head, out bool hasAuthority)
    {
        hasAuthority = false;
        if (target[0] == '/')
        {
            return SetPath(target, head);
        }

        if (target.SequenceEqual("*"u8))
        {
            return head.Method == "OPTIONS"
                ? new Refusal(RefusalReason.AsteriskTarget, "OPTIONS *")
                : new Refusal(RefusalReason.Target, "an asterisk is the target of OPTIONS only");
        }

        var scheme = target.IndexOf("://"u8);
        if (scheme < 0)
        {
            return new Refusal(RefusalReason.Target, "the target is neither a path nor a URI");
        }

        var isHttp = Ascii.EqualsIgnoreCase(target[..scheme], "http"u8);
        if (!isHttp && !Ascii.EqualsIgnoreCase(target[..scheme], "https"u8))
        {
            return new Refusal(RefusalReason.Scheme, "the target's scheme is neither http nor https");
        }

        head.Scheme = isHttp ? "http" : "https";
        var rest = target[(scheme + 3)..];
        var end = rest.IndexOfAny("/?#\\"u8);
        var authority = end < 0 ? rest : rest[..end];
        if (authority.IsEmpty || !Authorities.IsValid(authority))
        {
            return new Refusal(RefusalReason.Authority, "the target's authority is no host and port");
        }

        head.AuthorityBytes = authority;
        hasAuthority = true;
        rest = end < 0 ? "/"u8 : rest[end..];
        return rest[0] == '/' ? SetPath(rest, head) : SetPath((byte[])[(byte)'/', .. rest], head);
    }

    /// <summary>Takes apart path and query, and normalises the path.</summary>
    public static Refusal? SetPath(ReadOnlySpan<byte> target, RequestHead head)
    {
        var question = target.IndexOf((byte)'?');
        var path = question < 0 ? target : target[..question];
        var query = question < 0 ? default : target[question..];
        if (query.Contains((byte)'#'))
        {
            return new Refusal(RefusalReason.Path, "a fragment in the target");
        }

        byte[]? rented = null;
        var normal = path.Length <= StackPath ? stackalloc byte[StackPath] : rented = ArrayPool<byte>.Shared.Rent(path.Length);
        var isNormal = PathNormalization.TryNormalize(path, normal, out var length);
        if (isNormal)
        {
            head.PathBytes = normal[..length];
            head.QueryBytes = query;
        }

        if (rented is not null)
        {
            ArrayPool<byte>.Shared.Return(rented);
        }

        return isNormal ? null : new Refusal(RefusalReason.Path, "the path has no safe reading");
    }
}
