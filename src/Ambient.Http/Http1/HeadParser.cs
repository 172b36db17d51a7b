using System.Buffers;
using Ambient.Http.Fields;

namespace Ambient.Http.Http1;

/// <summary>
/// Reads the lines of a head as they arrive (RFC 9112 §2.1), each one once. Whatever has more than one reading is refused: lines that end by LF
/// alone, CR anywhere else, folded lines, space before a colon.
/// <code>
///   start-line CRLF
///   *( field-name ":" OWS field-value OWS CRLF )
///   CRLF
/// </code>
/// </summary>
internal abstract class HeadParser(HttpLimits limits)
{
    private bool _hasStartLine;
    private int _fieldCount;

    /// <summary>What is wrong, after <see cref="ParseOutcome.Refused"/>.</summary>
    public Refusal Refusal { get; private set; }

    /// <summary>Bytes taken so far.</summary>
    public int Bytes { get; private set; }

    /// <summary>Part of a head has arrived.</summary>
    public bool HasStarted { get; private set; }

    protected abstract FieldList Fields { get; }

    /// <summary>Takes what belongs to the head; what is not taken stays for later, or belongs to what follows.</summary>
    public ParseOutcome Read(in ReadOnlySequence<byte> buffer, out long taken)
    {
        int used;
        ParseOutcome outcome;
        if (buffer.IsSingleSegment)
        {
            outcome = ReadLines(buffer.FirstSpan, out used);
        }
        else
        {
            // Never more than a head at a time; what lies behind it is left.
            var length = (int)Math.Min(buffer.Length, limits.MaxHeadSize + 1);
            var copy = ArrayPool<byte>.Shared.Rent(length);
            buffer.Slice(0, length).CopyTo(copy);
            outcome = ReadLines(copy.AsSpan(0, length), out used);
            ArrayPool<byte>.Shared.Return(copy);
        }

        HasStarted |= !buffer.IsEmpty;
        taken = used;
        return outcome;
    }

    /// <summary>Ready for the next head.</summary>
    public virtual void Reset()
    {
        _hasStartLine = !HasStartLine;
        _fieldCount = 0;
        Bytes = 0;
        HasStarted = false;
    }

    /// <summary>Trailers have none.</summary>
    protected virtual bool HasStartLine => true;

    /// <summary>Whether a start line may begin so; what cannot be one need not be waited for.</summary>
    protected abstract bool MayStart(byte first);

    protected abstract bool ReadStartLine(ReadOnlySpan<byte> line);

    /// <summary>A field of the list's room: kept or dropped.</summary>
    protected abstract bool ReadField(FieldKind kind, int nameLength, ReadOnlySpan<byte> value);

    /// <summary>The empty line: what only all fields together tell.</summary>
    protected abstract bool Finish();

    protected bool Refuse(RefusalReason reason, string words)
    {
        Refusal = new Refusal(reason, words);
        return false;
    }

    protected bool Refuse(Refusal? refusal)
    {
        Refusal = refusal ?? default;
        return refusal is null;
    }

    private ParseOutcome ReadLines(ReadOnlySpan<byte> span, out int used)
    {
        used = 0;
        while (true)
        {
            var rest = span[used..];
            var end = rest.IndexOf((byte)'\n');
            if (Bytes + (end < 0 ? rest.Length : end + 1) > limits.MaxHeadSize)
            {
                Refuse(RefusalReason.HeadTooLarge, $"a head of more than {limits.MaxHeadSize} bytes");
                return ParseOutcome.Refused;
            }

            if (end < 0)
            {
                return CheckStart(rest);
            }

            Bytes += end + 1;
            used += end + 1;
            if (end == 0 || rest[end - 1] != '\r')
            {
                Refuse(RefusalReason.LineEnd, "a line that ends by LF alone");
                return ParseOutcome.Refused;
            }

            var line = rest[..(end - 1)];
            if (!_hasStartLine)
            {
                if (line.IsEmpty)
                {
                    continue; // RFC 9112 §2.2: ignored before a request line
                }

                _hasStartLine = true;
                if (!ReadStartLine(line))
                {
                    return ParseOutcome.Refused;
                }
            }
            else if (line.IsEmpty)
            {
                return Finish() ? ParseOutcome.Done : ParseOutcome.Refused;
            }
            else if (!ReadFieldLine(line))
            {
                return ParseOutcome.Refused;
            }
        }
    }

    private ParseOutcome CheckStart(ReadOnlySpan<byte> rest) =>
        _hasStartLine || rest.IsEmpty || rest[0] == '\r' || MayStart(rest[0])
        || Refuse(RefusalReason.RequestLine, "the first byte starts no message")
            ? ParseOutcome.NeedMore
            : ParseOutcome.Refused;

    private bool ReadFieldLine(ReadOnlySpan<byte> line)
    {
        var colon = line.IndexOf((byte)':');
        if (colon <= 0)
        {
            return Refuse(RefusalReason.FieldLine, colon < 0 ? "a field line without a colon" : "a field without a name");
        }

        var value = FieldSyntax.Trim(line[(colon + 1)..]);
        if (!FieldSyntax.IsValue(value))
        {
            return Refuse(RefusalReason.FieldValue, "a control character in a field's value");
        }

        if (++_fieldCount > limits.MaxFields)
        {
            return Refuse(RefusalReason.TooManyFields, $"more than {limits.MaxFields} fields");
        }

        var room = Fields.Room(colon, value.Length);
        if (!FieldSyntax.TryLower(line[..colon], room))
        {
            return Refuse(RefusalReason.FieldLine, FieldSyntax.IsBlank(line[0]) ? "a folded field line" : "a field's name is no token");
        }

        return ReadField(FieldKinds.Of(room[..colon]), colon, value);
    }
}
