using System.Buffers;

namespace Ambient.Identity.Tls;

/// <summary>The way out: from the slot through sealed records to the socket.</summary>
internal sealed partial class TlsWriter
{
    /// <summary>Answers that may wait for the socket: as many records without data as may follow each other.</summary>
    private const int MostAnswers = 32;

    private int _answers;

    /// <summary>Seals what is in the slot, if anything. Behind it another record may begin.</summary>
    private void SealSlot()
    {
        if (_slot is not { } slot || _payload == 0)
        {
            return;
        }

        if (!_handedOut)
        {
            SealInPlace(next: null);
            return;
        }

        // Somebody still writes behind the payload, where sealing would put the tag: seal a copy, leave that memory alone.
        var copy = RecordBuffer.Rent(large: false);
        slot.Bytes.AsSpan(_slotStart, TlsRecords.HeaderSize + _payload).CopyTo(copy.Bytes);
        if (TrySeal(copy, 0, out var length))
        {
            Enqueue(copy, 0, length);
            _slotStart += _payload;
        }

        copy.Release();
        _payload = 0;
    }

    /// <param name="next">Where the next record's slot begins; null: right behind this record.</param>
    private void SealInPlace(int? next)
    {
        var slot = _slot!;
        if (TrySeal(slot, _slotStart, out var length))
        {
            Enqueue(slot, _slotStart, length);
            _slotStart = next ?? _slotStart + length;
        }

        _payload = 0;
    }

    /// <summary>Memory that holds nothing goes back.</summary>
    private void ReleaseSlot()
    {
        if (_payload == 0 && !_handedOut)
        {
            _slot?.Release();
            _slot = null;
        }
    }

    /// <summary>A session that broke while reading cannot seal either: then writing fails too.</summary>
    private bool TrySeal(RecordBuffer buffer, int start, out int length)
    {
        try
        {
            length = _records.Seal(buffer.Bytes.AsSpan(start), _payload);
            return true;
        }
        catch (TlsException exception)
        {
            length = 0;
            Fail(exception);
            return false;
        }
    }

    private void Enqueue(RecordBuffer buffer, int offset, int length)
    {
        if (length == 0)
        {
            return;
        }

        var segment = RecordSegment.Create(buffer, offset, length);
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
        _queued += length;
    }

    /// <summary>Sends a sealed alert, for which no other record may be waiting to be sealed any more.</summary>
    public void SendLast(ReadOnlySpan<byte> alert)
    {
        if (EnqueueCopy(alert))
        {
            Send();
        }
    }

    /// <summary>Sends what opening a record has brought about, before what is still to be sealed.</summary>
    public void Answer(ReadOnlySpan<byte> records)
    {
        if (!EnqueueCopy(records))
        {
            return;
        }

        AskEndOfTurn();
        if (++_answers > MostAnswers)
        {
            Fail(new TlsException(TlsFailure.Protocol, $"{_connection.Describe()} asks for new keys and does not read the answers."));
        }
    }

    private bool EnqueueCopy(ReadOnlySpan<byte> records)
    {
        if (records.IsEmpty || _completed || _failure is not null)
        {
            return false;
        }

        var copy = RecordBuffer.Rent(large: false);
        records.CopyTo(copy.Bytes);
        Enqueue(copy, 0, records.Length);
        copy.Release();
        return true;
    }

    private void OnWritable()
    {
        if (_failure is null)
        {
            Send();
        }
    }

    /// <summary>Sends until the queue is empty or the socket takes no more.</summary>
    private void Send()
    {
        while (_head is not null && !_socketWait.IsWaiting)
        {
            if (!_socketWait.IsReady(_socket.WaitWritableAsync()))
            {
                break;
            }

            var sent = _head == _tail
                ? _socket.TrySend(_head.Memory.Span[_headIndex..])
                : _socket.TrySend(new ReadOnlySequence<byte>(_head, _headIndex, _tail!, _tail!.Memory.Length));
            if (sent.Ok)
            {
                Drop(sent.Count);
            }
            else if (!sent.WouldBlock)
            {
                Fail(_connection.Lost("send", sent.Error));
                return;
            }
        }

        _answers = _head is null ? 0 : _answers;
        if (_completed && _head is null && !_shutDown)
        {
            _shutDown = true;
            _socket.ShutdownSend();
            Drained?.Invoke();
        }

        if (_flushing && _queued <= LowWater)
        {
            Finish();
        }
    }

    private void Drop(int count)
    {
        _queued -= count;
        while (count > 0)
        {
            var left = _head!.Memory.Length - _headIndex;
            if (count < left)
            {
                _headIndex += count;
                return;
            }

            count -= left;
            DropHead();
        }
    }

    private void DropHead()
    {
        var head = _head!;
        _head = head.Following;
        _headIndex = 0;
        if (_head is null)
        {
            _tail = null;
        }

        head.Release();
    }
}
