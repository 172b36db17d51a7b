namespace Ambient.Kubernetes;

/// <summary>Growing pauses between failures, with jitter so that many clients do not come back at once.</summary>
/// <param name="first">The first pause.</param>
/// <param name="longest">The longest.</param>
internal sealed class Backoff(TimeSpan first, TimeSpan longest)
{
    /// <summary>Beyond this many doublings any sensible pause has reached its longest.</summary>
    private const int MostDoublings = 30;

    private int _failures;

    /// <summary>Forgets failures.</summary>
    public void Reset() => _failures = 0;

    /// <summary>The next pause: doubles each time, between 75 % and 125 %.</summary>
    public TimeSpan Next() => Pause(first, longest, _failures++);

    /// <summary>The pause after so many earlier failures.</summary>
    public static TimeSpan Pause(TimeSpan first, TimeSpan longest, int failures)
    {
        var pause = first.TotalMilliseconds * Math.Pow(2, Math.Min(failures, MostDoublings));
        return TimeSpan.FromMilliseconds(Math.Min(pause, longest.TotalMilliseconds) * (0.75 + (Random.Shared.NextDouble() / 2)));
    }
}
