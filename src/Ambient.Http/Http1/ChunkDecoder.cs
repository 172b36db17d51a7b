using System.Buffers;
using Ambient.Http.Fields;

namespace Ambient.Http.Http1;

/// <summary>
/// Takes chunks apart (RFC 9112 §7.1) without copying: it tells where in the transport's bytes the data lies. Extensions and trailers are
/// checked and dropped.
/// <code>
///   chunk-size [ *( ";" chunk-ext ) ] CRLF  chunk-data CRLF  …  0 CRLF  trailer-section CRLF
/// </code>
/// </summary>
internal sealed class ChunkDecoder(HttpLimits limits)
{
    /// <summary>Chunks looked at in one pass: with small ones the rest can wait until these are read.</summary>
    private const int MostPieces = 64;

    private static readonly SearchValues<byte> HexDigits = SearchValues.Create("0123456789abcdefABCDEF"u8);

    private readonly Piece[] _pieces = new Piece[MostPieces];
    private TrailerParser? _trailers;
    private State _state;
    private State _after;
    private long _raw;
    private long _extensions;
    private long _data;

    private enum Phase : byte
    {
        Size,
        Data,
        DataEnd,
        Trailers,
        End,
    }

    /// <summary>Pieces of data that the last pass found.</summary>
    public int Count { get; private set; }

    /// <summary>The last pass saw the body's end.</summary>
    public bool IsEnd => _after.Phase == Phase.End;

    /// <summary>What is wrong, if the last pass found something. Data before it is good.</summary>
    public string? Wrong { get; private set; }

    /// <summary>The last pass ended early, because it found enough.</summary>
    public bool IsCut => Count == MostPieces;

    /// <summary>Bytes of the transport that the last pass looked at to the end of a piece or line.</summary>
    public long Raw => _raw;

    public void Start()
    {
        _state = _after = default;
        Count = 0;
        _extensions = _data = _raw = 0;
        Wrong = null;
    }

    /// <summary>Where a piece of data lies.</summary>
    public (long Start, long Length) this[int index] => (_pieces[index].Start, _pieces[index].Length);

    /// <summary>Goes through bytes that begin where the last pass was advanced to.</summary>
    public void Decode(in ReadOnlySequence<byte> buffer)
    {
        var reader = new SequenceReader<byte>(buffer);
        Count = 0;
        _after = _state;
        _raw = 0;
        while (Wrong is null && _after.Phase != Phase.End && Count < MostPieces && Step(ref reader, buffer))
        {
            _raw = reader.Consumed;
        }
    }

    /// <summary>All that the last pass found was read.</summary>
    public void TakeAll()
    {
        for (var index = 0; index < Count; index++)
        {
            _data += _pieces[index].Length;
        }

        _state = _after;
        Count = 0;
    }

    /// <summary>Only so much of the data was read; the next pass begins there. Where that is in the transport's bytes.</summary>
    public long Take(long count)
    {
        _data += count;
        for (var index = 0; index < Count; index++)
        {
            ref var piece = ref _pieces[index];
            if (count < piece.Length)
            {
                _state = new State(Phase.Data, piece.Left - count);
                Count = 0;
                return piece.Start + count;
            }

            count -= piece.Length;
        }

        TakeAll();
        return _raw;
    }

    private bool Step(ref SequenceReader<byte> reader, in ReadOnlySequence<byte> buffer)
    {
        switch (_after.Phase)
        {
            case Phase.Size:
                return ReadSize(ref reader);
            case Phase.Data:
                var length = Math.Min(_after.Left, reader.Remaining);
                if (length == 0)
                {
                    return false;
                }

                _pieces[Count++] = new Piece(reader.Consumed, length, _after.Left);
                reader.Advance(length);
                _after = length == _after.Left ? new State(Phase.DataEnd, 0) : new State(Phase.Data, _after.Left - length);
                return true;
            case Phase.DataEnd:
                return ReadDataEnd(ref reader);
            default:
                return ReadTrailers(ref reader, buffer);
        }
    }

    private bool ReadSize(ref SequenceReader<byte> reader)
    {
        if (!reader.TryReadTo(out ReadOnlySpan<byte> line, (byte)'\n'))
        {
            return reader.Remaining <= limits.MaxChunkLine ? false : Fail("a chunk's size line is too long");
        }

        if (line.Length > limits.MaxChunkLine || line.IsEmpty || line[^1] != '\r')
        {
            return Fail("a chunk's size line is too long, or ends by LF alone");
        }

        line = line[..^1];
        var digits = line.IndexOfAnyExcept(HexDigits);
        digits = digits < 0 ? line.Length : digits;
        var rest = line[digits..];
        if (digits == 0 || !IsExtension(rest))
        {
            return Fail("a chunk's size is no number");
        }

        long size = 0;
        foreach (var digit in line[..digits])
        {
            if (size > long.MaxValue >> 4)
            {
                return Fail("a chunk's size is too large");
            }

            size = size << 4 | (uint)(digit < 'A' ? digit - '0' : (digit | 0x20) - 'a' + 10);
        }

        _extensions += rest.Length;
        if (_extensions > limits.MaxHeadSize + _data)
        {
            return Fail("more chunk extensions than data");
        }

        if (size == 0)
        {
            (_trailers ??= new TrailerParser(limits)).Reset();
        }

        _after = size == 0 ? new State(Phase.Trailers, 0) : new State(Phase.Data, size);
        return true;
    }

    private bool ReadDataEnd(ref SequenceReader<byte> reader)
    {
        if (reader.Remaining > 0 && !reader.IsNext((byte)'\r'))
        {
            return Fail("a chunk's data is longer than its size");
        }

        if (reader.Remaining < 2)
        {
            return false;
        }

        if (!reader.IsNext("\r\n"u8, advancePast: true))
        {
            return Fail("a chunk's data is longer than its size");
        }

        _after = default;
        return true;
    }

    private bool ReadTrailers(ref SequenceReader<byte> reader, in ReadOnlySequence<byte> buffer)
    {
        var outcome = _trailers!.Read(buffer.Slice(reader.Position), out var taken);
        reader.Advance(taken);
        if (outcome == ParseOutcome.Refused)
        {
            return Fail(_trailers.Refusal.Words);
        }

        _after = outcome == ParseOutcome.Done ? new State(Phase.End, 0) : _after;
        return taken > 0;
    }

    private bool Fail(string words)
    {
        Wrong = words;
        return false;
    }

    /// <summary>Blanks, or an extension, which may hold anything but control characters.</summary>
    private static bool IsExtension(ReadOnlySpan<byte> rest)
    {
        var text = FieldSyntax.Trim(rest);
        return text.IsEmpty || (text[0] == ';' && FieldSyntax.IsValue(text));
    }

    private readonly record struct State(Phase Phase, long Left);

    /// <summary>Data, and what of its chunk was left at its start.</summary>
    private readonly record struct Piece(long Start, long Length, long Left);
}
