using System.Buffers;
using System.Globalization;
using System.Net;
using System.Text;

namespace Ambient.Telemetry.Logging;

/// <summary>
/// Writes the parts of a plain line as UTF-8, without text in between: a proxy writes one for each connection. Ends with
/// <see cref="Complete"/>.
/// </summary>
internal ref struct LineText
{
    /// <summary>More than a usual line, so that the buffer is asked once.</summary>
    private const int Portion = 1024;

    /// <summary>The longest of what is formatted: an IPv6 address with scope and port, or a time.</summary>
    private const int Longest = 96;

    /// <summary>What cannot stand in a line as it is, inside quotes or not.</summary>
    private static readonly SearchValues<char> Special = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Concat(Enumerable.Range(0x7f, 0x21)).Select(code => (char)code), '"', '\\']);

    private readonly IBufferWriter<byte> _output;
    private Span<byte> _room;
    private int _used;
    private bool _hasFields;

    public LineText(IBufferWriter<byte> output)
    {
        _output = output;
        _room = output.GetSpan(Portion);
    }

    public void Complete()
    {
        _output.Advance(_used);
        _room = default;
        _used = 0;
    }

    public void Append(scoped ReadOnlySpan<byte> text)
    {
        text.CopyTo(Room(text.Length));
        _used += text.Length;
    }

    public void Append(scoped ReadOnlySpan<char> text)
    {
        // In portions, as three bytes for each character is the most that UTF-8 needs; a pair of surrogates stays together.
        while (text.Length > Portion)
        {
            var portion = char.IsHighSurrogate(text[Portion - 1]) ? Portion - 1 : Portion;
            AppendPortion(text[..portion]);
            text = text[portion..];
        }

        AppendPortion(text);
    }

    /// <summary>In two steps: making room may begin a new span, which sets back what is used.</summary>
    private void AppendPortion(scoped ReadOnlySpan<char> text)
    {
        var written = Encoding.UTF8.GetBytes(text, Room(3 * text.Length));
        _used += written;
    }

    /// <summary>UTC with microseconds: the round-trip form, which the library writes fastest, less its last digit.</summary>
    public void Append(DateTimeOffset time)
    {
        Format(time.UtcDateTime, "O");
        _room[_used - 2] = (byte)'Z';
        _used--;
    }

    /// <summary>What parts the message from its fields, and these from each other.</summary>
    public void BeginField()
    {
        Append(_hasFields ? " "u8 : "\t"u8);
        _hasFields = true;
    }

    /// <summary>A field of text, in quotes; nothing for null. The key ends with its equals sign.</summary>
    public void Field(scoped ReadOnlySpan<byte> key, string? value)
    {
        if (value is not null)
        {
            BeginField(key);
            AppendQuoted(value);
        }
    }

    /// <summary>A number.</summary>
    public void Field(scoped ReadOnlySpan<byte> key, long? value)
    {
        if (value is { } number)
        {
            BeginField(key);
            Format(number, default);
        }
    }

    /// <summary>A time, in whole milliseconds.</summary>
    public void Field(scoped ReadOnlySpan<byte> key, TimeSpan? value)
    {
        if (value is { } time)
        {
            BeginField(key);
            AppendMilliseconds(time);
        }
    }

    /// <summary>An address and port; or, as a target may be named, a text that looks like one: without quotes.</summary>
    public void AddressField(scoped ReadOnlySpan<byte> key, object? value)
    {
        if (value is not null)
        {
            BeginField(key);
            if (value is IPEndPoint endpoint)
            {
                AppendEndPoint(endpoint);
            }
            else
            {
                AppendVisible(TextOf(value));
            }
        }
    }

    /// <summary>Numbers and addresses as they are, everything else as text in quotes.</summary>
    public void AppendValue(object value)
    {
        switch (value)
        {
            case IPEndPoint endpoint:
                AppendEndPoint(endpoint);
                break;
            case IPAddress or int or long or short or byte or ushort or uint or ulong or double or float:
                Format((IUtf8SpanFormattable)value, default);
                break;
            case bool flag:
                Append(flag ? "true"u8 : "false"u8);
                break;
            case TimeSpan time:
                AppendMilliseconds(time);
                break;
            default:
                AppendQuoted(TextOf(value));
                break;
        }
    }

    /// <summary>A line stays one line and columns stay columns, whatever a peer put into a name.</summary>
    public void AppendVisible(ReadOnlySpan<char> text) => AppendEscaped(text, quoted: false);

    public static string TextOf(object value) => value switch
    {
        TimeSpan time => $"{(long)time.TotalMilliseconds}ms",
        bool flag => flag ? "true" : "false",
        IEnumerable<string> many => string.Join(", ", many),
        IFormattable formattable => formattable.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    private void BeginField(scoped ReadOnlySpan<byte> key)
    {
        BeginField();
        Append(key);
    }

    private void AppendMilliseconds(TimeSpan time)
    {
        Append("\""u8);
        Format((long)time.TotalMilliseconds, default);
        Append("ms\""u8);
    }

    private void AppendQuoted(ReadOnlySpan<char> text)
    {
        Append("\""u8);
        AppendEscaped(text, quoted: true);
        Append("\""u8);
    }

    private void AppendEscaped(ReadOnlySpan<char> text, bool quoted)
    {
        while (text.IndexOfAny(Special) is >= 0 and var at)
        {
            Append(text[..at]);
            var letter = text[at];
            switch (letter)
            {
                case '"' or '\\' when !quoted:
                    Append(text.Slice(at, 1));
                    break;
                case '"':
                    Append("\\\""u8);
                    break;
                case '\\':
                    Append("\\\\"u8);
                    break;
                case '\n':
                    Append("\\n"u8);
                    break;
                case '\r':
                    Append("\\r"u8);
                    break;
                case '\t':
                    Append("\\t"u8);
                    break;
                default:
                    Append(string.Create(CultureInfo.InvariantCulture, $"\\u{{{(int)letter:x}}}"));
                    break;
            }

            text = text[(at + 1)..];
        }

        Append(text);
    }

    private void AppendEndPoint(IPEndPoint endpoint)
    {
        var bracketed = endpoint.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6;
        Append(bracketed ? "["u8 : default);
        Format(endpoint.Address, default);
        Append(bracketed ? "]:"u8 : ":"u8);
        Format(endpoint.Port, default);
    }

    private void Format<T>(T value, ReadOnlySpan<char> format)
        where T : IUtf8SpanFormattable
    {
        if (value.TryFormat(Room(Longest), out var written, format, CultureInfo.InvariantCulture))
        {
            _used += written;
        }
        else
        {
            Append(value.ToString());
        }
    }

    /// <summary>At least so much free space.</summary>
    private Span<byte> Room(int bytes)
    {
        if (_room.Length - _used < bytes)
        {
            _output.Advance(_used);
            _used = 0;
            _room = _output.GetSpan(Math.Max(bytes, Portion));
        }

        return _room[_used..];
    }
}
