using System.Buffers;
using System.IO.Pipelines;

namespace Ambient.Http.Http1;

/// <summary>What of the transport's bytes is the body.</summary>
internal sealed partial class BodyReader
{
    private bool TryGetRaw(out ReadResult raw, out Exception? other)
    {
        other = null;
        try
        {
#pragma warning disable VSTHRD002 // it has completed
            raw = _read.GetResult();
#pragma warning restore VSTHRD002
            return true;
        }
        catch (OperationCanceledException exception)
        {
            other = exception;
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException or InvalidOperationException)
        {
            OnTransportFault(exception);
        }

        raw = default;
        return false;
    }

    /// <summary>What of the transport's bytes is this body. False if it is nothing yet, and the transport was advanced.</summary>
    private bool TryTake(in ReadResult raw, out ReadResult result)
    {
        _raw = raw.Buffer;
        _holdsRaw = true;
        if (_fault is not null)
        {
            result = default;
            Release();
            return false;
        }

        var isTaken = _framing switch
        {
            BodyFraming.Chunked => TryTakeChunks(raw),
            BodyFraming.Length => TryTakeLength(raw),
            _ => TryTakeAll(raw),
        };
        if (!isTaken && _fault is null && raw.IsCanceled)
        {
            _given = default;
            _isLast = false;
            isTaken = true;
        }

        if (!isTaken)
        {
            result = default;
            return false;
        }

        Progress++;
        _isReading = true;
        result = new ReadResult(_given, raw.IsCanceled, _isLast);
        return true;
    }

    private bool TryTakeLength(in ReadResult raw)
    {
        var length = _raw.Length;
        _isLast = length >= _left;
        _given = length > _left ? _raw.Slice(0, _left) : _raw;
        if (raw.IsCompleted && !_isLast && length <= _offered)
        {
            Truncated($"{_left} bytes before the body's end");
            return false;
        }

        _offered = Math.Min(length, _left);
        return _isLast || !_given.IsEmpty || Skip();
    }

    private bool TryTakeAll(in ReadResult raw)
    {
        _given = _raw;
        _offered = _raw.Length;
        _isLast = raw.IsCompleted;
        return _isLast || !_given.IsEmpty || Skip();
    }

    private bool Skip()
    {
        Release();
        return false;
    }

    /// <summary>Nothing of the transport's bytes is taken.</summary>
    private void Release()
    {
        if (_holdsRaw)
        {
            _holdsRaw = false;
            var (start, end) = (_raw.Start, _raw.End);
            _raw = default;
            try
            {
                input.AdvanceTo(start, end);
            }
            catch (InvalidOperationException)
            {
                // The connection was over before the transport's last read came back.
            }
        }
    }
}
