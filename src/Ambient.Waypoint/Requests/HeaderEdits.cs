using System.Buffers.Text;
using Ambient.Http;
using Ambient.Http.Fields;
using Ambient.Mesh.Http;

namespace Ambient.Waypoint.Requests;

/// <summary>What a waypoint does to the heads that pass it.</summary>
internal static class HeaderEdits
{
    private const int RequestIdLength = 36;
    private const int TraceParentLength = 55;

    /// <summary>How we name ourselves: an upstream's <c>server</c> would tell clients of what is behind the mesh.</summary>
    private static ReadOnlySpan<byte> Server => "ambient"u8;

    /// <summary>What every request that is sent on carries; what the client brought of it stays.</summary>
    public static void Complete(RequestHead head, Random random)
    {
        var fields = head.Fields;
        if (!fields.Contains("x-forwarded-proto"u8))
        {
            fields.Add("x-forwarded-proto"u8, "http"u8);
        }

        if (!fields.Contains("x-request-id"u8))
        {
            Span<byte> id = stackalloc byte[RequestIdLength];
            NewRequestId(id, random);
            fields.Add("x-request-id"u8, id);
        }

        if (!fields.Contains("traceparent"u8))
        {
            Span<byte> trace = stackalloc byte[TraceParentLength];
            NewTrace(trace, random);
            fields.Add("traceparent"u8, trace);
        }
    }

    /// <summary>What every answer carries.</summary>
    public static void Complete(ResponseHead head, HttpDate date)
    {
        head.Fields.Set("server"u8, Server);
        if (!head.Fields.Contains("date"u8))
        {
            head.Fields.Add("date"u8, date.Now);
        }
    }

    /// <summary>What routes and backends say.</summary>
    public static void Apply(FieldList fields, HeaderChanges? changes)
    {
        if (changes is null)
        {
            return;
        }

        Span<byte> name = stackalloc byte[256];
        foreach (var removed in changes.Remove)
        {
            if (removed.Length <= name.Length)
            {
                System.Text.Encoding.Latin1.GetBytes(removed, name);
                fields.Remove(name[..removed.Length]);
            }
        }

        foreach (var set in changes.Set)
        {
            fields.Set(set.Name, set.Value);
        }

        foreach (var added in changes.Add)
        {
            fields.Add(added.Name, added.Value);
        }
    }

    /// <summary>A random UUID (RFC 9562 §5.4), as proxies identify requests.</summary>
    private static void NewRequestId(Span<byte> text, Random random)
    {
        Span<byte> bytes = stackalloc byte[16];
        random.NextBytes(bytes);
        bytes[6] = (byte)(0x40 | (bytes[6] & 0x0f));
        bytes[8] = (byte)(0x80 | (bytes[8] & 0x3f));
        new Guid(bytes, bigEndian: true).TryFormat(text, out _);
    }

    /// <summary>A new trace, not sampled (W3C Trace Context).</summary>
    private static void NewTrace(Span<byte> text, Random random)
    {
        Span<byte> ids = stackalloc byte[24];
        random.NextBytes(ids);
        ids[0] |= 1; // neither id may be all zeros
        ids[16] |= 1;
        "00-"u8.CopyTo(text);
        Convert.TryToHexStringLower(ids[..16], text[3..], out _);
        text[35] = (byte)'-';
        Convert.TryToHexStringLower(ids[16..], text[36..], out _);
        "-00"u8.CopyTo(text[52..]);
    }
}

/// <summary>The time as messages say it, made once a second. On its loop only.</summary>
internal sealed class HttpDate(TimeProvider time)
{
    private readonly byte[] _text = new byte[29]; // Sun, 06 Nov 1994 08:49:37 GMT
    private long _second;

    /// <summary>Now.</summary>
    public ReadOnlySpan<byte> Now
    {
        get
        {
            var now = time.GetUtcNow();
            var second = now.ToUnixTimeSeconds();
            if (second != _second)
            {
                _second = second;
                Utf8Formatter.TryFormat(now, _text, out _, 'R');
            }

            return _text;
        }
    }
}
