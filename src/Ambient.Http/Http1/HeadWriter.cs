using System.Text;
using Ambient.Http.Fields;
using Ambient.Http.Rules;

namespace Ambient.Http.Http1;

/// <summary>Writes heads: what the codec knows by itself, and the fields as they are, in runs.</summary>
internal static class HeadWriter
{
    /// <summary>Request line, host and framing besides the fields; more than this goes in several pieces.</summary>
    private const int Overhead = 128;

    /// <summary>What fits a transport's memory in one piece for sure.</summary>
    private const int MostAtOnce = 4 * 1024;

    /// <summary>Fields of one hop: written from what the codec knows, never from the list.</summary>
    private const uint OneHop = 1u << (int)FieldKind.Host | 1u << (int)FieldKind.Connection | 1u << (int)FieldKind.TransferEncoding
        | 1u << (int)FieldKind.Upgrade | 1u << (int)FieldKind.HopByHop;

    private const uint WithoutLength = OneHop | 1u << (int)FieldKind.ContentLength;

    /// <summary>A request's head (RFC 9112 §3); its body's framing.</summary>
    public static BodyFraming WriteRequest(Http1Output output, RequestHead head, bool endStream)
    {
        var path = head.PathBytes;
        var query = head.QueryBytes;
        var authority = head.AuthorityBytes;
        var writer = new Pieces(output, head.Method.Length + path.Length + query.Length + authority.Length + head.Fields.Size + Overhead);
        writer.Add(head.Method);
        writer.Add(" "u8);
        writer.Add(path);
        writer.Add(query);
        writer.Add(" HTTP/1.1\r\nhost: "u8);
        writer.Add(authority);
        writer.Add("\r\n"u8);
        var framing = endStream ? BodyFraming.None : head.ContentLength is null ? BodyFraming.Chunked : BodyFraming.Length;
        writer.Add(head.Fields, framing == BodyFraming.Length ? OneHop : WithoutLength);
        if (framing == BodyFraming.None)
        {
            writer.Add(head.ContentLength == 0 || Methods.ExpectsBody(head.Method) ? "content-length: 0\r\n"u8 : default);
        }
        else
        {
            writer.AddFraming(framing, head.Fields, head.ContentLength);
        }

        writer.Add(head.Upgrade is null ? default : "connection: Upgrade\r\nupgrade: websocket\r\n"u8);
        writer.Add("\r\n"u8);
        writer.Finish();
        return framing;
    }

    /// <summary>A response's head (RFC 9112 §4).</summary>
    public static void WriteResponse(Http1Output output, ResponseHead head, BodyFraming framing, bool close, bool keepsLength)
    {
        var writer = new Pieces(output, head.Fields.Size + Overhead);
        writer.Add(StatusTexts.Line(head.Status));
        writer.Add(head.Fields, framing == BodyFraming.Length || keepsLength ? OneHop : WithoutLength);
        if (head.Status == 101)
        {
            writer.Add("connection: upgrade\r\nupgrade: websocket\r\n"u8);
        }
        else if (framing != BodyFraming.None)
        {
            writer.AddFraming(framing, head.Fields, head.ContentLength);
        }
        else if (!keepsLength && head.Status >= 200 && head.Status != 204)
        {
            writer.Add("content-length: 0\r\n"u8);
        }

        writer.Add(close ? "connection: close\r\n"u8 : default);
        writer.Add("\r\n"u8);
        writer.Finish();
    }

    /// <summary>An answer without anything but its status, after which the connection closes.</summary>
    public static void WriteRefusal(Http1Output output, int status)
    {
        output.Write(StatusTexts.Line(status));
        output.Write("content-length: 0\r\nconnection: close\r\n\r\n"u8);
    }

    /// <summary>Gathers pieces in one stretch of the transport's memory if it is long enough.</summary>
    private ref struct Pieces
    {
        private readonly Http1Output _output;
        private readonly Span<byte> _memory;
        private int _used;

        public Pieces(Http1Output output, int size)
        {
            _output = output;
            _memory = size <= MostAtOnce ? output.GetMemory(size).Span : default;
        }

        public void Add(scoped ReadOnlySpan<byte> bytes)
        {
            if (bytes.TryCopyTo(_memory[_used..]))
            {
                _used += bytes.Length;
            }
            else
            {
                AddSlowly(bytes);
            }
        }

        public void Add(string ascii)
        {
            Span<byte> bytes = stackalloc byte[32];
            Add(bytes[..Encoding.ASCII.GetBytes(ascii, bytes)]);
        }

        public void Add(FieldList fields, uint without)
        {
            for (var at = 0; at < fields.Count;)
            {
                Add(fields.Run(ref at, without));
            }
        }

        public void AddFraming(BodyFraming framing, FieldList fields, long? length)
        {
            if (framing == BodyFraming.Chunked)
            {
                Add("transfer-encoding: chunked\r\n"u8);
            }
            else if (!fields.TryGet(FieldKind.ContentLength, out _))
            {
                Span<byte> digits = stackalloc byte[20];
                System.Buffers.Text.Utf8Formatter.TryFormat(length ?? 0, digits, out var count);
                Add("content-length: "u8);
                Add(digits[..count]);
                Add("\r\n"u8);
            }
        }

        public void Finish()
        {
            if (_used > 0)
            {
                _output.Advance(_used);
                _used = 0;
            }
        }

        private void AddSlowly(scoped ReadOnlySpan<byte> bytes)
        {
            Finish();
            this = new Pieces(_output, int.MaxValue);
            _output.Write(bytes);
        }
    }
}
