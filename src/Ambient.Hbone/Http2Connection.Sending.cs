using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Ambient.Hbone.Buffers;
using Ambient.Hbone.Frames;

namespace Ambient.Hbone;

/// <summary>The transport's writing end: turns of the streams, frames of data, and one flush for what a loop turn produced.</summary>
public sealed partial class Http2Connection
{
    /// <summary>Bytes written before they are flushed within a turn: one send of sixteen TLS records (measured to be enough).</summary>
    private const int FlushAt = 256 * 1024;

    /// <summary>Quanta per loop turn; then the loop's other connections have theirs.</summary>
    private const int MostQuantaPerTurn = 8;

    /// <summary>Room asked of the transport for a frame of unknown size: less is not worth a header and a record.</summary>
    private const int LeastFrameRoom = 4_096;

    /// <summary>
    /// Answers that wait while the transport takes nothing. 200 responses of 300 bytes are 60 KB; a peer that makes us
    /// answer and reads nothing reaches four times that (CVE-2019-9512, -9514, -9515, -9517).
    /// </summary>
    private const int MostBacklog = 256 * 1024;

    private readonly Action _onFlushed;
    private ArrayBufferWriter<byte> _backlog = new();
    private ValueTaskAwaiter<FlushResult> _flush;
    private Http2Stream? _lease;
    private Places _lent;
    private long _sendWindow = 65_535;
    private int _unflushed;
    private bool _flushPending;
    private bool _flushRequested;
    private bool _pumping;
    private int _holdFlush;

    /// <summary>Streams that want to send.</summary>
    internal ReadyRing Ready { get; } = new();

    /// <summary>The stream whose turn it is.</summary>
    internal Http2Stream? InTurn { get; private set; }

    /// <summary>Counts flushes; a stream has one quantum for each.</summary>
    internal long Turn { get; private set; }

    /// <summary>The largest payload of a DATA frame: what fits a TLS record and the peer accepts.</summary>
    internal int MostPayload => Math.Min(Limits.MaxSendFrameSize, _peer.MaxFrameSize);

    /// <summary>Sends what the turn produced. The owner calls it once after it was asked to (<see cref="FlushRequested"/>).</summary>
    public void Flush()
    {
        _flushRequested = false;
        Turn++;
        Pump();
    }

    /// <summary>Nothing more goes in before a flush.</summary>
    internal bool IsTransportFull => _flushPending || _unflushed >= FlushAt;

    /// <summary>The transport takes data and both windows are open.</summary>
    internal bool CanSend(Http2Stream stream) =>
        !IsTransportFull && _end is null && _sendWindow > 0 && stream.SendWindow > 0;

    /// <summary>The longest frame that the windows and the peer allow a stream.</summary>
    internal int AllowedBy(Http2Stream stream) => (int)Math.Min(MostPayload, Math.Min(stream.SendWindow, _sendWindow));

    /// <summary>Something waits to be sent: at the end of the turn, or now if nobody coalesces.</summary>
    internal void MarkDirty()
    {
        if (_inPass || _pumping || _flushRequested || _holdFlush > 0)
        {
            return;
        }

        FlushSoon();
    }

    /// <summary>
    /// Lends the transport's own memory to a stream's writer: places for the payloads of frames, each behind the place of its header.
    /// Not more than the windows allow; empty if the transport has failed.
    /// </summary>
    internal Places Lend(Http2Stream stream, int wanted)
    {
        _lease = null;
        if (!TryLend(wanted, out _lent))
        {
            return default;
        }

        _lease = stream;
        var places = _lent.Behind(FrameHeader.Size);
        var allowed = (int)Math.Min(wanted, Math.Min(stream.SendWindow, _sendWindow));
        var isOneFrame = places.Each > MostPayload || places.First > MostPayload;
        return places.Limit(isOneFrame ? Math.Min(allowed, Math.Min(places.First, MostPayload)) : allowed);
    }

    /// <summary>
    /// The lent places hold payloads: their headers go before them. False if the memory was taken away because something else was
    /// written meanwhile.
    /// </summary>
    internal bool TryCommit(Http2Stream stream, int count)
    {
        if (_lease != stream)
        {
            return false;
        }

        _lease = null;
        var octets = 0;
        var memory = _lent.Memory.Span;
        var room = _lent.First;
        for (var left = count; left > 0;)
        {
            var payload = Math.Min(left, room - FrameHeader.Size);
            FrameHeader.Write(memory, payload, FrameType.Data, FrameFlags.None, stream.Id);
            octets += FrameHeader.Size + payload;
            left -= payload;
            Work.Earn(WorkBudget.SentData);
            if (left > 0)
            {
                memory = memory[(room + _lent.Gap)..];
                room = _lent.Each;
            }
        }

        if (_records is not null)
        {
            _records.Take(octets);
        }
        else
        {
            _output.Advance(octets);
        }

        _unflushed += octets;
        _sendWindow -= count;
        return true;
    }

    /// <summary>Writes one DATA frame of at most <paramref name="wanted"/> bytes from a queue; returns its payload's length.</summary>
    internal int SendData(Http2Stream stream, ByteQueue queue, int wanted, bool isLast)
    {
        _lease = null;
        if (!TryGetMemory(FrameHeader.Size + Math.Min(wanted, LeastFrameRoom), out var lent))
        {
            return 0; // and the stream is gone
        }

        var memory = lent.Span;
        var count = Math.Min(wanted, memory.Length - FrameHeader.Size);
        var flags = isLast && count == queue.Length ? FrameFlags.EndStream : FrameFlags.None;
        FrameHeader.Write(memory, count, FrameType.Data, flags, stream.Id);
        for (var copied = 0; copied < count;)
        {
            var piece = queue.First;
            piece = piece[..Math.Min(piece.Length, count - copied)];
            piece.CopyTo(memory[(FrameHeader.Size + copied)..]);
            copied += piece.Length;
            queue.Consume(piece.Length);
        }

        _output.Advance(FrameHeader.Size + count);
        _unflushed += FrameHeader.Size + count;
        _sendWindow -= count;
        Work.Earn(WorkBudget.SentData);
        return count;
    }

    /// <summary>Writes what is not DATA; while the transport is busy it waits in a backlog that is bounded.</summary>
    private void Write(ReadOnlySpan<byte> bytes)
    {
        if (_isTransportDone)
        {
            return;
        }

        _lease = null;
        if (!_flushPending)
        {
            WriteToTransport(bytes);
        }
        else if (_backlog.WrittenCount + bytes.Length <= MostBacklog)
        {
            _backlog.Write(bytes);
        }
        else
        {
            Finish(new ConnectionEnd(ConnectionEndReason.Abuse, Http2ErrorCode.EnhanceYourCalm,
                $"{MostBacklog} bytes of answers wait for a peer that does not read"), sendGoAway: false);
        }

        MarkDirty();
    }

    /// <summary>A transport that has failed says so at the first touch.</summary>
    private bool TryGetMemory(int size, out Memory<byte> memory)
    {
        try
        {
            memory = _output.GetMemory(size);
            return true;
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException or InvalidOperationException)
        {
            OnTransportFailed(exception);
            memory = default;
            return false;
        }
    }

    /// <summary>The same for the places of frames with so many bytes altogether.</summary>
    private bool TryLend(int wanted, out Places places)
    {
        const int Least = FrameHeader.Size + LeastFrameRoom;
        if (_records is null)
        {
            var isThere = TryGetMemory(Least, out var memory);
            places = new Places(memory);
            return isThere;
        }

        try
        {
            var headers = (1 + (wanted / LeastFrameRoom)) * FrameHeader.Size;
            places = _records.Lend(Least, wanted + headers);
            return true;
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException or InvalidOperationException)
        {
            OnTransportFailed(exception);
            places = default;
            return false;
        }
    }

    private void WriteToTransport(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty && TryGetMemory(1, out var memory))
        {
            var count = Math.Min(memory.Length, bytes.Length);
            bytes[..count].CopyTo(memory.Span);
            _output.Advance(count);
            _unflushed += count;
            bytes = bytes[count..];
        }
    }

    private void FlushSoon()
    {
        if (_isTransportDone || (_unflushed == 0 && Ready.IsEmpty))
        {
            return;
        }

        if (FlushRequested is null)
        {
            Turn++;
            Pump();
        }
        else if (!_flushRequested)
        {
            _flushRequested = true;
            FlushRequested();
        }
    }

    /// <summary>Gives the streams their turns until nobody wants one, the windows are used up, or the transport is busy.</summary>
    private void Pump()
    {
        if (_pumping || _isTransportDone)
        {
            return;
        }

        _pumping = true;
        var quanta = 0;
        while (!_flushPending && !_isTransportDone)
        {
            var hasTurn = _end is null && _sendWindow > 0 && !Ready.IsEmpty;
            if (!hasTurn || _unflushed >= FlushAt)
            {
                if (_unflushed == 0)
                {
                    break;
                }

                BeginFlush();
                continue;
            }

            if (quanta++ == MostQuantaPerTurn && FlushRequested is not null)
            {
                BeginFlush();
                break;
            }

            InTurn = Ready.Take();
            InTurn.TakeTurn();
            InTurn = null;
        }

        _pumping = false;
        if (quanta > MostQuantaPerTurn && !_flushPending)
        {
            FlushSoon();
        }
    }

    private void BeginFlush()
    {
        _lease = null;
        _unflushed = 0;
        try
        {
#pragma warning disable CA2012 // awaited by hand, once, in TakeFlushResult: an async method would allocate for each wait
            _flush = _output.FlushAsync().GetAwaiter();
#pragma warning restore CA2012
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException or InvalidOperationException)
        {
            OnTransportFailed(exception);
            return;
        }

        if (_flush.IsCompleted)
        {
            TakeFlushResult();
            return;
        }

        _flushPending = true;
        _flush.UnsafeOnCompleted(_onFlushed);
    }

    private void OnFlushed()
    {
        _flushPending = false;
        TakeFlushResult();
        if (_backlog.WrittenCount > 0 && !_isTransportDone)
        {
            WriteToTransport(_backlog.WrittenSpan);
            _backlog.ResetWrittenCount();
            if (_backlog.Capacity > MostBacklog / 16)
            {
                _backlog = new ArrayBufferWriter<byte>();
            }
        }

        _flushSettled?.TrySetResult();
        FlushSoon();
    }

    private void TakeFlushResult()
    {
        try
        {
#pragma warning disable VSTHRD002 // it has completed
            var result = _flush.GetResult();
#pragma warning restore VSTHRD002
            if (result.IsCompleted)
            {
                OnTransportClosed();
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException or OperationCanceledException)
        {
            OnTransportFailed(exception);
        }
    }
}
