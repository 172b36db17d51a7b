using System.Globalization;
using System.Text;
using Ambient.Hbone;
using Ambient.Http.Fields;
using Ambient.Http.Rules;

namespace Ambient.Http.Http2;

/// <summary>Between the fields of HTTP/2, which are strings, and those of the message model.</summary>
internal static class Http2Fields
{
    private const int StackValue = 512;

    /// <summary>Kinds that HTTP/2 has no place for, or tells by pseudo-header fields.</summary>
    private static bool IsOneHop(FieldKind kind) =>
        kind is FieldKind.Host or FieldKind.Connection or FieldKind.TransferEncoding or FieldKind.Upgrade or FieldKind.HopByHop;

    /// <summary>Adds what arrived. Words if something is not fit for HTTP/1.1, into which it may be written.</summary>
    public static Refusal? Read(HeaderList from, FieldList to, HttpLimits limits, bool isRequest)
    {
        if (from.Count > limits.MaxFields)
        {
            return new Refusal(RefusalReason.TooManyFields, $"more than {limits.MaxFields} fields");
        }

        string? cookies = null;
        Span<byte> stack = stackalloc byte[StackValue];
        foreach (ref readonly var field in from.AsSpan())
        {
            var size = field.Name.Length + field.Value.Length;
            var bytes = size <= StackValue ? stack[..size] : new byte[size];
            Encoding.Latin1.GetBytes(field.Name, bytes);
            Encoding.Latin1.GetBytes(field.Value, bytes[field.Name.Length..]);
            var name = bytes[..field.Name.Length];
            var value = bytes[field.Name.Length..];
            if (!FieldSyntax.IsValue(value))
            {
                return new Refusal(RefusalReason.FieldValue, "a control character in a field's value");
            }

            var kind = FieldKinds.Of(name);
            if (IsOneHop(kind) || (isRequest && kind == FieldKind.Reserved) || (!isRequest && kind == FieldKind.Te))
            {
                continue;
            }

            if (isRequest && name.SequenceEqual("cookie"u8))
            {
                cookies = cookies is null ? field.Value : cookies + "; " + field.Value; // RFC 9113 §8.2.3
                continue;
            }

            to.Add(name, value, kind, field.IsSensitive);
        }

        if (cookies is not null)
        {
            to.Add("cookie", cookies, isSensitive: true);
        }

        return null;
    }

    /// <summary>Fields to be sent, with the length that the head tells if its fields do not.</summary>
    public static HeaderField[] Write(FieldList from, long? contentLength, bool keepsLength)
    {
        var fields = new HeaderField[from.Count + 1];
        var count = 0;
        var hasLength = false;
        for (var index = 0; index < from.Count; index++)
        {
            var field = from[index];
            if (IsOneHop(field.Kind) || (field.Kind == FieldKind.ContentLength && !keepsLength))
            {
                continue;
            }

            hasLength |= field.Kind == FieldKind.ContentLength;
            fields[count++] = new HeaderField(NameOf(field), field.ValueText, field.IsSensitive);
        }

        if (keepsLength && !hasLength && contentLength is { } length)
        {
            fields[count++] = new HeaderField("content-length", length.ToString(CultureInfo.InvariantCulture));
        }

        return count == fields.Length ? fields : fields[..count];
    }

    /// <summary>The length that the fields tell; the engine has checked it.</summary>
    public static long? LengthOf(FieldList fields) =>
        fields.TryGet(FieldKind.ContentLength, out var text) && ContentLengths.TryRead(text, out var length) ? length : null;

    /// <summary>Trailers as they arrived.</summary>
    public static FieldList? Trailers(HeaderList trailers, HttpLimits limits)
    {
        if (trailers.Count == 0)
        {
            return null;
        }

        var fields = new FieldList();
        return Read(trailers, fields, limits, isRequest: false) is null ? fields : null;
    }

    /// <summary>Names that every response or request has cost no string.</summary>
    private static string NameOf(in FieldView field) => field.Name.Length switch
    {
        4 when field.Kind == FieldKind.Date => "date",
        12 when field.Name.SequenceEqual("content-type"u8) => "content-type",
        14 when field.Kind == FieldKind.ContentLength => "content-length",
        _ => field.NameText,
    };
}
