using System.Buffers;
using System.IO.Pipelines;

namespace Ambient.Http.Http1;

/// <summary>A body in chunks: the pieces of data between their sizes, as one sequence.</summary>
internal sealed partial class BodyReader
{
    private readonly List<DataSegment> _segments = [];
    private ChunkDecoder? _chunks;
    private ReadOnlySequence<byte> _given;

    private bool TryTakeChunks(in ReadResult raw)
    {
        var chunks = _chunks!;
        chunks.Decode(_raw);
        _isLast = chunks.IsEnd;
        if (chunks.Count == 0)
        {
            return TryTakeFraming(raw);
        }

        _given = chunks.Count == 1 ? Slice(0) : Link();
        if (raw.IsCompleted && !_isLast && _given.Length <= _offered)
        {
            Truncated("in the middle of a chunked body");
            return false;
        }

        _offered = _given.Length;
        return true;
    }

    /// <summary>Sizes and line ends alone: the end of the body, a fault, or a reason to wait for more.</summary>
    private bool TryTakeFraming(in ReadResult raw)
    {
        var chunks = _chunks!;
        _given = default;
        _offered = 0;
        if (_isLast)
        {
            return true;
        }

        if (chunks.Wrong is { } wrong)
        {
            OnFault(new HttpException(HttpFault.ProtocolError, responseStarted: true, wrong), new Refusal(RefusalReason.Body, wrong));
            return false;
        }

        if (raw.IsCompleted)
        {
            Truncated("in the middle of a chunked body");
            return false;
        }

        var (position, end) = (_raw.GetPosition(chunks.Raw), _raw.End);
        chunks.TakeAll();
        _holdsRaw = false;
        _raw = default;
        input.AdvanceTo(position, end);
        return false;
    }

    private void AdvanceChunks(SequencePosition consumed, SequencePosition examined)
    {
        var chunks = _chunks!;
        var taken = OffsetOf(consumed);
        var isAllExamined = OffsetOf(examined) == _given.Length && !chunks.IsCut && chunks.Wrong is null;
        var isAllTaken = taken == _given.Length;
        var position = isAllTaken ? chunks.Raw : 0;
        if (isAllTaken)
        {
            chunks.TakeAll();
        }
        else
        {
            position = chunks.Take(taken);
        }

        _offered -= taken;
        var isEnd = isAllTaken && _isLast;
        var raw = _raw;
        _raw = _given = default;
        foreach (var segment in _segments)
        {
            segment.Stop();
        }

        var at = raw.GetPosition(position);
        input.AdvanceTo(at, isAllExamined && !isEnd ? raw.End : at);
        if (isEnd)
        {
            End();
        }
    }

    private long OffsetOf(SequencePosition position) => _given.IsEmpty ? 0 : _given.GetOffset(position) - _given.GetOffset(_given.Start);

    private ReadOnlySequence<byte> Slice(int index)
    {
        var (start, length) = _chunks![index];
        return _raw.Slice(start, length);
    }

    private ReadOnlySequence<byte> Link()
    {
        DataSegment? first = null;
        DataSegment? last = null;
        var used = 0;
        for (var index = 0; index < _chunks!.Count; index++)
        {
            foreach (var memory in Slice(index))
            {
                if (used == _segments.Count)
                {
                    _segments.Add(new DataSegment());
                }

                var segment = _segments[used++];
                segment.Start(memory, last);
                first ??= segment;
                last = segment;
            }
        }

        return new ReadOnlySequence<byte>(first!, 0, last!, last!.Memory.Length);
    }
}
