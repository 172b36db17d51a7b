using Ambient.Mesh.Http;

namespace Ambient.Waypoint.Requests.Upstreams;

/// <summary>
/// What requests have seen of an endpoint, and whether it is left out for it (outlier detection). Shared by all loops: counting failures takes an
/// interlocked operation, a success none while nothing has failed.
/// </summary>
internal sealed class EndpointHealth
{
    /// <summary>Ejections that still lengthen the time: 300 times the base, as Envoy's default of 300 s for 30 s would have it, is for nobody.</summary>
    private const int MostEjections = 10;

    private int _consecutive5xx;
    private int _consecutiveGateway;
    private long _ejectedUntil;
    private int _ejections;

    /// <summary>Whether it is left out at this time, in milliseconds of the loops' clock.</summary>
    public bool IsEjected(long now) => Volatile.Read(ref _ejectedUntil) > now;

    /// <summary>How often it was ejected lately; for dumps.</summary>
    public int Ejections => Volatile.Read(ref _ejections);

    /// <summary>A request ended. True if the endpoint has failed often enough to be left out.</summary>
    /// <param name="policy">What often enough is.</param>
    /// <param name="failed">Any server error.</param>
    /// <param name="gatewayFailed">502, 503, 504 or no answer at all.</param>
    public bool Count(OutlierDetection policy, bool failed, bool gatewayFailed)
    {
        var tooMany = Count(ref _consecutive5xx, failed, policy.Consecutive5xx);
        return Count(ref _consecutiveGateway, gatewayFailed, policy.ConsecutiveGatewayErrors) || tooMany;
    }

    /// <summary>Leaves it out: each time in a row for one base time longer.</summary>
    public void Eject(OutlierDetection policy, long now)
    {
        // Good behaviour counts: who has been in use for as long as he was out begins anew.
        var before = Volatile.Read(ref _ejectedUntil);
        var lengths = (long)policy.BaseEjectionTime.TotalMilliseconds;
        if (before > 0 && now - before > _ejections * lengths)
        {
            _ejections = 0;
        }

        _ejections = Math.Min(_ejections + 1, MostEjections);
        Volatile.Write(ref _ejectedUntil, now + (_ejections * lengths));
        _consecutive5xx = _consecutiveGateway = 0;
    }

    private static bool Count(ref int counter, bool failed, int limit)
    {
        if (failed)
        {
            return limit > 0 && Interlocked.Increment(ref counter) >= limit;
        }

        if (Volatile.Read(ref counter) != 0)
        {
            Volatile.Write(ref counter, 0);
        }

        return false;
    }
}
