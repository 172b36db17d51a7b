using Ambient.Hbone.Buffers;

namespace Ambient.Hbone;

/// <summary>Data on its way out: the queue of a writer, its windows and its turns.</summary>
public sealed partial class Http2Stream
{
    /// <summary>Frames of less than this, forced by the peer's window, are a dribble and not a tunnel.</summary>
    private const int SmallestUsefulFrame = 256;

    /// <summary>
    /// Dribbled frames beyond the useful ones before the stream is reset: a window that starts small gets a generous chance to
    /// grow. Useful frames make up for dribbled ones, because an honest window often leaves a few bytes after its full frames.
    /// </summary>
    private const int MostDribbledFrames = 1_000;

    /// <summary>Lent at the end of a quantum too, and taken off the next one: a receive of less is not worth its system call.</summary>
    private const int LeastLent = 64 * 1024;

    private ByteQueue? _sending;
    private HeaderList? _trailers;
    private int _turnLeft;
    private long _turn = -1;
    private int _leased;
    private bool _keepsTurn;
    private int _dribbled;
    private bool _endQueued;
    private bool _localEnded;

    /// <summary>
    /// The writer's memory is the transport's own where possible, so that bytes are received straight into the record that
    /// will be sealed. Its user then must not await anything, nor use the connection, between GetMemory and Advance.
    /// </summary>
    public bool WritesDirectly { get; set; }

    /// <summary>What the peer allows on this stream; negative after it lowered its initial window (RFC 9113 §6.9.2).</summary>
    internal long SendWindow { get; private set; }

    /// <summary>Waits in the round for its turn.</summary>
    internal bool IsReady { get; set; }

    /// <summary>Neighbours in the round.</summary>
    internal Http2Stream? NextReady { get; set; }

    internal Http2Stream? PreviousReady { get; set; }

    internal bool LocalEnded => _localEnded;

    /// <summary>Bytes that wait for their turn.</summary>
    internal long Pending => _sending?.Length ?? 0;

    private ByteQueue Sending => _sending ??= new ByteQueue(_connection.Segments);

    private int NextQuantum => _connection.Limits.SendQuantum + Math.Min(0, _turnLeft);

    private bool WantsTurn => Pending > 0 || _relayWaits || _writer is { IsWaiting: true };

    /// <summary>WINDOW_UPDATE. False if the window would pass 2^31-1.</summary>
    internal bool TryGrowWindow(long increment)
    {
        SendWindow += increment;
        if (SendWindow > int.MaxValue)
        {
            return false;
        }

        WaitForTurn();
        return true;
    }

    /// <summary>
    /// The transport's own memory for up to so many bytes, to be received into and then handed over by <see cref="Commit"/>, before
    /// anything is awaited and before the connection is used for anything else. Empty while it is not this stream's turn: a flush waits
    /// for that. For streams that write directly.
    /// </summary>
    public Places Lend(int wanted)
    {
        if (ResetCode is not null)
        {
            return default; // also of one that was reset before it was answered
        }

        CheckWritable();
        if (_isClosed || !CanWriteDirectly())
        {
            return default;
        }

        var places = _connection.Lend(this, Math.Min(wanted, Math.Max(_turnLeft, Math.Min(LeastLent, _connection.Limits.SendQuantum))));
        _leased = places.Capacity;
        return places;
    }

    /// <summary>Sends what the lent places hold, from the first on; 0 gives them back.</summary>
    public void Commit(int count)
    {
        CommitLent(count);
        _connection.MarkDirty();
    }

    private void CommitLent(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)_leased, nameof(count));
        _leased = 0;
        if (!_connection.TryCommit(this, count))
        {
            throw new InvalidOperationException(
                "the connection was used between lending and committing of a stream that writes directly");
        }

        if (count > 0)
        {
            OnSent(count, isCutByWindow: count == SendWindow);
        }
    }

    internal Memory<byte> GetMemory(int sizeHint)
    {
        CheckWritable();
        _leased = 0;
        if (WritesDirectly && Lend(Math.Max(sizeHint, _connection.MostPayload)) is { IsEmpty: false } places)
        {
            _leased = places.First;
            if (_leased >= sizeHint)
            {
                return places.Memory[.._leased];
            }

            CommitLent(0);
        }

        return Sending.GetMemory(sizeHint);
    }

    internal void Advance(int count)
    {
        if (_leased > 0)
        {
            CommitLent(count);
            return;
        }

        Sending.Advance(count);
        if (_isClosed)
        {
            Sending.Clear();
        }
    }

    /// <summary>Bytes were written. True if more may be written now, false if the writer has to wait.</summary>
    internal bool Flush()
    {
        if (Pending > 0)
        {
            WaitForTurn();
        }

        _connection.MarkDirty();
        return IsWritable();
    }

    /// <summary>The writer's flush need not wait. A flush that waits does so until half of its share is free.</summary>
    internal bool IsWritable() =>
        _isClosed
        || (WritesDirectly ? CanWriteDirectly()
            : Pending <= _connection.Limits.StreamSendBuffer / (_writer is { IsWaiting: true } ? 2 : 1));

    /// <summary>Enters the round if there is something to send and the peer allows it.</summary>
    internal void WaitForTurn()
    {
        if (!IsReady && !_isClosed && SendWindow > 0 && WantsTurn)
        {
            // Cut short by a full transport, a turn goes on later; else the unlucky would get less, round after round.
            _keepsTurn = _connection.InTurn == this && _turnLeft > 0 && _connection.IsTransportFull;
            _connection.Ready.Add(this, atFront: _keepsTurn);
            _connection.MarkDirty();
        }
    }

    /// <summary>One turn of the round: up to a quantum of bytes, from the queue or from a writer that writes directly.</summary>
    internal void TakeTurn()
    {
        _turn = _connection.Turn;
        _turnLeft = _keepsTurn ? _turnLeft : NextQuantum;
        _keepsTurn = false;
        while (Pending > 0 && _turnLeft > 0 && _connection.CanSend(this))
        {
            SendFrame();
            if (_isClosed)
            {
                return;
            }
        }

        if (Pending == 0 && _endQueued)
        {
            SendEnd();
            return;
        }

        _writer?.Wake();
        TellTurn();
        WaitForTurn();
    }

    /// <summary>Ends our direction after what is queued.</summary>
    internal void QueueEnd(HeaderList? trailers)
    {
        if (_localEnded || _endQueued)
        {
            return;
        }

        if (!_headersSent)
        {
            Reset(Http2ErrorCode.InternalError); // ended without an answer
            return;
        }

        _endQueued = true;
        _trailers = trailers;
        if (Pending == 0)
        {
            SendEnd();
        }
        else
        {
            WaitForTurn();
        }
    }

    private void SendFrame()
    {
        var wanted = (int)Math.Min(Pending, _connection.AllowedBy(this));
        var isLast = _endQueued && _trailers is null;
        var isCutByWindow = wanted < Pending && wanted == SendWindow;
        var sent = _connection.SendData(this, Sending, wanted, isLast);
        if (_isClosed)
        {
            return;
        }

        OnSent(sent, isCutByWindow);
        if (isLast && Pending == 0 && !_isClosed)
        {
            OnEnded();
        }
    }

    private void OnSent(int count, bool isCutByWindow)
    {
        HasProgressed = true;
        SendWindow -= count;
        _turnLeft -= count;
        if (!isCutByWindow || count >= SmallestUsefulFrame)
        {
            _dribbled = Math.Max(0, _dribbled - 1);
        }
        else if (++_dribbled > MostDribbledFrames)
        {
            _connection.FailStream(this, Http2ErrorCode.EnhanceYourCalm, "windows of a few bytes");
        }
    }

    private void SendEnd()
    {
        if (_trailers is { } trailers)
        {
            _connection.SendTrailers(Id, trailers);
        }
        else
        {
            _connection.SendEndStream(Id);
        }

        OnEnded();
    }

    private void OnEnded()
    {
        _endQueued = false;
        _localEnded = true;
        _trailers = null;
        CloseIfBothEnded();
        if (!_isClosed && _reader is { IsCompleted: true } && !_remoteEnded)
        {
            Reset(Http2ErrorCode.NoError); // nobody reads the rest
        }
    }

    private bool CanWriteDirectly()
    {
        if (_turn != _connection.Turn)
        {
            _turn = _connection.Turn;
            _turnLeft = NextQuantum;
        }

        return _turnLeft > 0 && Pending == 0 && _connection.CanSend(this) && (_connection.Ready.IsEmpty || _connection.InTurn == this);
    }

    private void CheckWritable()
    {
        if (!_headersSent)
        {
            throw new InvalidOperationException($"stream {Id}: the response's headers come before its data");
        }

        if (_endQueued || (_localEnded && ResetCode is null))
        {
            throw new InvalidOperationException($"stream {Id}: its output has ended");
        }
    }
}
