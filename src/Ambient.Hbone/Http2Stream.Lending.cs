using System.Buffers;
using Ambient.Hbone.Buffers;

namespace Ambient.Hbone;

/// <summary>Data that a receiver may take from the transport's memory, at the end of the pass that brought it.</summary>
public sealed partial class Http2Stream
{
    private BorrowedSegment? _borrowed;
    private BorrowedSegment? _lastBorrowed;

    /// <summary>Takes bytes without a copy while a read of <see cref="Input"/> waits; null: all bytes are queued.</summary>
    public IStreamReceiver? Receiver { get; set; }

    private long BorrowedLength => _lastBorrowed is null ? 0 : _lastBorrowed.RunningIndex + _lastBorrowed.Memory.Length;

    /// <summary>Keeps a reference instead of a copy if the receiver will be asked. Once begun, a pass goes on so: order counts.</summary>
    private bool TryBorrow(ReadOnlyMemory<byte> bytes)
    {
        if (_borrowed is null && (Receiver is null || Unread > 0 || !(_relay is not null || _reader is { IsWaiting: true })))
        {
            return false;
        }

        var segment = _connection.Segments.Borrow(bytes);
        _lastBorrowed?.Append(segment);
        _lastBorrowed = segment;
        _borrowed ??= segment;
        return true;
    }

    /// <summary>The receiver takes what it can, the queue the rest.</summary>
    private void OfferBorrowed()
    {
        if (_borrowed is null)
        {
            return;
        }

        // Out of the stream's hands during the call, in which the receiver may end the stream.
        var (first, last) = (_borrowed, _lastBorrowed!);
        _borrowed = _lastBorrowed = null;
        var taken = Receiver?.Receive(new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length)) ?? 0;
        QueueRest(first, !_isDisposed && (ResetCode is null || _remoteEnded) ? taken : long.MaxValue);
        if (taken > 0)
        {
            OnConsumed(taken);
        }
    }

    /// <summary>Copies what is borrowed into the queue: the transport wants its memory back, or the stream ends.</summary>
    private void QueueBorrowed()
    {
        var first = _borrowed;
        _borrowed = _lastBorrowed = null;
        QueueRest(first, from: 0);
    }

    private void QueueRest(BorrowedSegment? segment, long from)
    {
        while (segment is not null)
        {
            var memory = segment.Memory;
            if (from < memory.Length)
            {
                Received.Write(memory.Span[(int)from..]);
            }

            from = Math.Max(0, from - memory.Length);
            var following = segment.Following;
            _connection.Segments.Return(segment);
            segment = following;
        }

        _connection.OnReaderBehind(Unread);
    }
}
