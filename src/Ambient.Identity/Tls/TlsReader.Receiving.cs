namespace Ambient.Identity.Tls;

/// <summary>The way in: from the socket to opened records.</summary>
internal sealed partial class TlsReader
{
    /// <summary>
    /// Receives dropped while closing: a megabyte is more than can be under way from a peer that has been told of the end. One that
    /// goes on is cut.
    /// </summary>
    private const int MostDiscarded = 64;

    private int _discards;

    /// <summary>After completion: receives and drops until the peer has closed too, so that closing resets nothing.</summary>
    public Task DiscardAsync()
    {
        _discarded = new TaskCompletionSource();
        if (!_socketWait.IsWaiting)
        {
            Discard();
        }

        return _discarded.Task;
    }

    private void Discard()
    {
        var scratch = RecordBuffer.Rent(large: false);
        var isOver = _socket.IsClosed;
        while (!isOver && _socketWait.IsReady(_socket.WaitReadableAsync()))
        {
            var got = _socket.TryReceive(scratch.Bytes);
            isOver = (!got.WouldBlock && got.Count == 0) || ++_discards > MostDiscarded;
        }

        scratch.Release();
        if (isOver)
        {
            _discarded!.TrySetResult();
        }
    }

    /// <summary>Receives and opens until there is news (true) or the socket has nothing more (false: its readiness will call).</summary>
    private bool TryFill()
    {
        while (true)
        {
            if (OpenReceived())
            {
                return true;
            }

            if (_socketWait.IsWaiting)
            {
                return false;
            }

            if (!_socketWait.IsReady(_socket.WaitReadableAsync()))
            {
                ParkBuffer();
                return false;
            }

            Receive();
            if (_failure is not null)
            {
                return true;
            }
        }
    }

    private void Receive()
    {
        var room = MakeRoom();
        var got = _socket.TryReceive(room);
        if (got.Ok && got.Count > 0)
        {
            _receivedEnd += got.Count;
            _busy = got.Count == room.Length || (_busy && got.Count > RecordBuffer.SmallSize);
        }
        else if (got.EndOfStream)
        {
            _failure = new TlsException(
                TlsFailure.Truncated,
                $"{_connection.Describe()} ended without close_notify: the peer's process or the network cut it, and data may be missing.");
        }
        else if (!got.WouldBlock)
        {
            _failure = _connection.Lost("receive", got.Error);
        }
    }

    /// <summary>Opens every whole record that was received.</summary>
    /// <returns>Whether there is news.</returns>
    private bool OpenReceived()
    {
        var news = false;
        while (!_ended && _failure is null && _received is { } buffer && _receivedEnd - _receivedStart >= TlsRecords.HeaderSize)
        {
            var length = RecordLength(buffer);
            if (length > TlsRecords.MaxRecord)
            {
                // It will never be whole: its header is enough to refuse it.
                length = TlsRecords.HeaderSize;
            }

            if (_receivedEnd - _receivedStart < length)
            {
                break;
            }

            news |= OpenRecord(buffer, length);
        }

        return news;
    }

    private bool OpenRecord(RecordBuffer buffer, int length)
    {
        try
        {
            var content = _records.Open(buffer.Bytes.AsSpan(_receivedStart, length));
            _connection.Answer(_records.Answer);
            if (content.Length > 0)
            {
                Append(RecordSegment.Create(buffer, _receivedStart + content.Offset, content.Length));
            }

            _receivedStart += length;
            _ended = content.Closed;
            return content.Length > 0 || _ended;
        }
        catch (TlsException exception)
        {
            _connection.SendFarewell(_records.Farewell);
            _failure = exception;
            return true;
        }
    }

    private void Append(RecordSegment segment)
    {
        if (_tail is null)
        {
            _head = segment;
            _headIndex = 0;
        }
        else
        {
            _tail.Append(segment);
        }

        _tail = segment;
        _examinedAll = false;
    }

    private int RecordLength(RecordBuffer buffer) =>
        TlsRecords.HeaderSize + (buffer.Bytes[_receivedStart + 3] << 8) + buffer.Bytes[_receivedStart + 4];

    /// <summary>Room for at least the rest of the record that has begun.</summary>
    private Span<byte> MakeRoom()
    {
        var partial = _receivedEnd - _receivedStart;
        if (_received is { } buffer)
        {
            var needed = partial < TlsRecords.HeaderSize ? TlsRecords.MaxRecord : RecordLength(buffer);
            var wantsOther = _busy && !buffer.IsLarge;
            if (!wantsOther && _receivedStart + needed <= buffer.Bytes.Length)
            {
                return buffer.Bytes.AsSpan(_receivedEnd);
            }

            if (!wantsOther && buffer.IsExclusive)
            {
                buffer.Bytes.AsSpan(_receivedStart, partial).CopyTo(buffer.Bytes);
                _receivedStart = 0;
                _receivedEnd = partial;
                return buffer.Bytes.AsSpan(_receivedEnd);
            }
        }

        MoveTo(RecordBuffer.Rent(_busy));
        return _received!.Bytes.AsSpan(_receivedEnd);
    }

    /// <summary>Nothing more to receive now: keep at most a small buffer with the begun record.</summary>
    private void ParkBuffer()
    {
        if (_receivedStart == _receivedEnd)
        {
            _received?.Release();
            _received = null;
            _receivedStart = _receivedEnd = 0;
        }
        else if (_received!.IsLarge)
        {
            MoveTo(RecordBuffer.Rent(large: false));
        }
    }

    private void MoveTo(RecordBuffer buffer)
    {
        var partial = _receivedEnd - _receivedStart;
        if (_received is not null)
        {
            _received.Bytes.AsSpan(_receivedStart, partial).CopyTo(buffer.Bytes);
            _received.Release();
        }

        _received = buffer;
        _receivedStart = 0;
        _receivedEnd = partial;
    }
}
