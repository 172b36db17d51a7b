using System.Text;
using Ambient.Http.Fields;

namespace Ambient.Http.Rules;

/// <summary>
/// What <c>connection</c> says (RFC 9110 §7.6.1): the fields it names are for one hop and go no further. Those that tell who the caller is and
/// how it came stay, whoever names them; those that make the message what it is cannot be named at all.
/// </summary>
internal struct ConnectionOptions
{
    /// <summary>The connection ends with this message.</summary>
    public bool Close { get; private set; }

    /// <summary>The connection stays; of interest for HTTP/1.0 only.</summary>
    public bool KeepAlive { get; private set; }

    /// <summary>The message's <c>upgrade</c> is meant.</summary>
    public bool Upgrade { get; private set; }

    /// <summary>Other names are there, whose fields have to go.</summary>
    public bool HasNames { get; private set; }

    /// <summary>Reads one value. False if it is no list of tokens.</summary>
    public bool TryAdd(ReadOnlySpan<byte> value)
    {
        if (Ascii.EqualsIgnoreCase(value, "keep-alive"u8))
        {
            KeepAlive = true;
            return true;
        }

        while (!value.IsEmpty)
        {
            var token = NextToken(ref value);
            if (token.IsEmpty)
            {
                continue;
            }

            if (!FieldSyntax.IsToken(token))
            {
                return false;
            }

            if (Ascii.EqualsIgnoreCase(token, "close"u8))
            {
                Close = true;
            }
            else if (Ascii.EqualsIgnoreCase(token, "keep-alive"u8))
            {
                KeepAlive = true;
            }
            else if (Ascii.EqualsIgnoreCase(token, "upgrade"u8))
            {
                Upgrade = true;
            }
            else
            {
                HasNames = true;
            }
        }

        return true;
    }

    /// <summary>Removes the fields that the list's <c>connection</c> fields name, and those themselves. False if one cannot be named.</summary>
    public static bool TryApply(FieldList fields)
    {
        var all = true;
        while (fields.TryGet(FieldKind.Connection, out var first))
        {
            // Copied, because the list changes below.
            byte[] copy = [.. first];
            fields.RemoveFirst(FieldKind.Connection);
            for (ReadOnlySpan<byte> value = copy; !value.IsEmpty;)
            {
                var token = NextToken(ref value);
                var name = new byte[token.Length];
                all &= token.IsEmpty || (FieldSyntax.TryLower(token, name) && TryRemove(fields, name));
            }
        }

        return all;
    }

    private static bool TryRemove(FieldList fields, ReadOnlySpan<byte> name)
    {
        switch (FieldKinds.Of(name))
        {
            case FieldKind.Host or FieldKind.ContentLength or FieldKind.TransferEncoding:
                return false;
            case FieldKind.Forwarding or FieldKind.Te or FieldKind.Upgrade or FieldKind.Connection:
                return true;
            default:
                fields.Remove(name);
                return true;
        }
    }

    private static ReadOnlySpan<byte> NextToken(ref ReadOnlySpan<byte> value)
    {
        var comma = value.IndexOf((byte)',');
        var token = comma < 0 ? value : value[..comma];
        value = comma < 0 ? default : value[(comma + 1)..];
        return FieldSyntax.Trim(token);
    }
}
