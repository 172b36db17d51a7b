using System.Buffers;

namespace Ambient.Hbone.Buffers;

/// <summary>Bytes in order: written at the tail, read and released at the head. An empty queue holds no memory.</summary>
internal sealed class ByteQueue(SegmentPool pool)
{
    private BufferSegment? _head;
    private BufferSegment? _tail;
    private int _headOffset;
    private bool _isLent;

    /// <summary>Bytes in the queue.</summary>
    public long Length { get; private set; }

    /// <summary>Bytes of memory that the queue occupies.</summary>
    public long Capacity { get; private set; }

    /// <summary>Everything in the queue.</summary>
    public ReadOnlySequence<byte> Sequence =>
        Length == 0 ? ReadOnlySequence<byte>.Empty : new ReadOnlySequence<byte>(_head!, _headOffset, _tail!, _tail!.Filled);

    /// <summary>The first contiguous bytes.</summary>
    public ReadOnlySpan<byte> First => Length == 0 ? default : _head!.Memory.Span[_headOffset..];

    /// <summary>Free memory at the tail, at least one byte and at least <paramref name="sizeHint"/>.</summary>
    public Memory<byte> GetMemory(int sizeHint)
    {
        if (_tail is null || _tail.Free < Math.Max(1, sizeHint))
        {
            Extend(sizeHint == 0 ? SegmentPool.LargeSegment : sizeHint);
        }

        _isLent = true;
        return _tail!.FreeMemory();
    }

    /// <summary>Takes over bytes that were written into <see cref="GetMemory"/>.</summary>
    public void Advance(int count)
    {
        _isLent = false;
        if (count == 0)
        {
            ReleaseIfEmpty();
            return;
        }

        if (_tail is null || count < 0 || count > _tail.Free)
        {
            throw new ArgumentOutOfRangeException(nameof(count), count, "more than the memory handed out");
        }

        _tail.Fill(count);
        Length += count;
    }

    /// <summary>Appends a copy.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (_tail is null || _tail.Free == 0)
            {
                Extend(Math.Min(bytes.Length, SegmentPool.LargeSegment));
            }

            var target = _tail!.FreeMemory().Span;
            var count = Math.Min(target.Length, bytes.Length);
            bytes[..count].CopyTo(target);
            _tail.Fill(count);
            Length += count;
            bytes = bytes[count..];
        }
    }

    /// <summary>Bytes between the head and a position of <see cref="Sequence"/>.</summary>
    public long Distance(SequencePosition position)
    {
        if (position.GetObject() is not BufferSegment segment || _head is null)
        {
            return 0;
        }

        return segment.RunningIndex + position.GetInteger() - _head.RunningIndex - _headOffset;
    }

    /// <summary>Releases bytes at the head.</summary>
    public void Consume(long count)
    {
        Length -= count;
        while (count > 0)
        {
            var available = _head!.Filled - _headOffset;
            if (count < available)
            {
                _headOffset += (int)count;
                return;
            }

            count -= available;
            if (_head == _tail)
            {
                _headOffset = _head.Filled;
                break;
            }

            Drop();
        }

        ReleaseIfEmpty();
    }

    /// <summary>Forgets everything; memory that somebody is still writing into does not go back to the pool.</summary>
    public void Clear()
    {
        Length = 0;
        while (_head is not null)
        {
            Drop();
        }

        _isLent = false;
    }

    /// <summary>Forgets everything and leaves its memory to those who still read it, and then to the collector.</summary>
    public void Abandon()
    {
        pool.Forget(Capacity);
        _head = _tail = null;
        _headOffset = 0;
        _isLent = false;
        Length = Capacity = 0;
    }

    private void ReleaseIfEmpty()
    {
        if (Length == 0 && !_isLent)
        {
            Clear();
        }
    }

    private void Drop()
    {
        var segment = _head!;
        _head = segment.Next;
        _headOffset = 0;
        if (_head is null)
        {
            _tail = null;
        }

        Capacity -= segment.Capacity;
        pool.Return(segment, isReusable: !(_isLent && _head is null));
    }

    private void Extend(int needed)
    {
        _isLent = false;
        ReleaseIfEmpty(); // handed out but never filled, and too small for the new request

        var segment = pool.Rent(needed, Length > 0, _tail is null ? 0 : _tail.RunningIndex + _tail.Filled);
        Capacity += segment.Capacity;
        _tail?.Link(segment);
        _tail = segment;
        _head ??= segment;
    }
}
