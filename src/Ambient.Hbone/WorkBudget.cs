namespace Ambient.Hbone;

/// <summary>
/// The one work budget of a connection. Frames that make us work without moving anything forward cost points; data and
/// requests that come to a good end earn points; time gives points back. A connection without points is closed with
/// ENHANCE_YOUR_CALM. Costs are relative to one cheap frame, about a microsecond of ours.
/// </summary>
internal sealed class WorkBudget
{
    /// <summary>A burst: 400 requests reset before their answer, or 1,000 PINGs; a full set of 200 streams given up at once costs half.</summary>
    public const int Capacity = 10_000;

    /// <summary>Points per second given back: 100 PINGs a second for ever, more than the busiest bandwidth prober sends.</summary>
    public const int PerSecond = 1_000;

    /// <summary>A frame that changes nothing: unknown type, PRIORITY, a window update beyond what our sending calls for.</summary>
    public const int IdleFrame = 1;

    /// <summary>A frame that we have to answer, or that ends nothing: PING, SETTINGS, empty DATA, empty CONTINUATION.</summary>
    public const int Answered = 10;

    /// <summary>A request refused because too many are open; a client may overshoot before it knows our limit.</summary>
    public const int Refused = 10;

    /// <summary>A request that its sender reset before we answered it.</summary>
    public const int PrematureReset = 25;

    /// <summary>A stream that we had to reset for what the peer did on it.</summary>
    public const int CausedReset = 50;

    /// <summary>A request that came to its end.</summary>
    public const int CompletedRequest = 20;

    /// <summary>A DATA frame of ours; its receiver may answer with one window update for the stream and one for the connection.</summary>
    public const int SentData = 2;

    private int _points = Capacity;
    private long _refilledAt = -1;

    public int Points => _points;

    /// <summary>Takes points. False if there are none left.</summary>
    public bool TrySpend(int points)
    {
        _points -= points;
        return _points >= 0;
    }

    /// <summary>Takes points, inside a read pass.</summary>
    public void Spend(int points, string what)
    {
        if (!TrySpend(points))
        {
            throw new ConnectionErrorException(Http2ErrorCode.EnhanceYourCalm, $"the work budget is used up, last by {what}");
        }
    }

    public void Earn(int points) => _points = Math.Min(Capacity, _points + points);

    /// <summary>Time passes. Milliseconds of any monotonic clock.</summary>
    public void Tick(long now)
    {
        if (_refilledAt >= 0)
        {
            // A gap of more than a second is our own starvation; it costs the peer nothing and earns it one second.
            Earn((int)(Math.Clamp(now - _refilledAt, 0, 1_000) * PerSecond / 1_000));
        }

        _refilledAt = now;
    }
}
