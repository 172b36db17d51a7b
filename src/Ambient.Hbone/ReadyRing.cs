namespace Ambient.Hbone;

/// <summary>The streams that want to send, in the order of their turns. Linked through the streams, so that one can leave at once.</summary>
internal sealed class ReadyRing
{
    private Http2Stream? _first;
    private Http2Stream? _last;

    public bool IsEmpty => _first is null;

    public void Add(Http2Stream stream, bool atFront)
    {
        stream.IsReady = true;
        stream.PreviousReady = atFront ? null : _last;
        stream.NextReady = atFront ? _first : null;
        if (stream.PreviousReady is { } previous)
        {
            previous.NextReady = stream;
        }
        else
        {
            _first = stream;
        }

        if (stream.NextReady is { } next)
        {
            next.PreviousReady = stream;
        }
        else
        {
            _last = stream;
        }
    }

    public Http2Stream Take()
    {
        var stream = _first!;
        Remove(stream);
        return stream;
    }

    public void Remove(Http2Stream stream)
    {
        if (!stream.IsReady)
        {
            return;
        }

        stream.IsReady = false;
        if (stream.PreviousReady is { } previous)
        {
            previous.NextReady = stream.NextReady;
        }
        else
        {
            _first = stream.NextReady;
        }

        if (stream.NextReady is { } next)
        {
            next.PreviousReady = stream.PreviousReady;
        }
        else
        {
            _last = stream.PreviousReady;
        }

        stream.NextReady = stream.PreviousReady = null;
    }
}
