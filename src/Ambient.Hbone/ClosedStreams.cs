namespace Ambient.Hbone;

/// <summary>
/// Remembers which streams were reset, by whom does not matter: frames that were under way when a reset crossed them are
/// ignored, while frames after a stream's proper end are an error (RFC 9113 §5.1). A ring, so that it cannot grow.
/// </summary>
internal sealed class ClosedStreams
{
    /// <summary>Twice the streams that can be open at once: what can be under way at one moment, with room.</summary>
    private const int Most = 512;

    private int[]? _ids;
    private int _next;

    /// <summary>Older entries were overwritten: of a stream that is not found nothing is known.</summary>
    public bool HasForgotten { get; private set; }

    public void Add(int streamId)
    {
        _ids ??= new int[Most];
        HasForgotten |= _ids[_next] != 0;
        _ids[_next] = streamId;
        _next = (_next + 1) % Most;
    }

    public bool Contains(int streamId) => _ids is not null && Array.IndexOf(_ids, streamId) >= 0;
}
