namespace Ambient.Http.Http1;

/// <summary>How long nothing has happened, by the ticks of an owner.</summary>
internal sealed class SilenceClock
{
    /// <summary>
    /// Time that one tick may add. A longer gap means that we did not run: what the peer sent meanwhile is still unread.
    /// </summary>
    private const long MostBetweenTicks = 5_000;

    private long _last = -1;
    private long _progress;
    private long _silence;

    /// <summary>Something happened.</summary>
    public void Restart() => _silence = 0;

    /// <summary>Milliseconds since anything happened, as far as ticks can tell.</summary>
    public long Tick(long now, bool isWaiting, long progress)
    {
        var passed = _last < 0 ? 0 : Math.Clamp(now - _last, 0, MostBetweenTicks);
        _last = now;
        _silence = isWaiting && progress == _progress ? _silence + passed : 0;
        _progress = progress;
        return _silence;
    }
}
