using Ambient.Xds.Grpc;

namespace Ambient.Xds.Delta;

/// <summary>How long to wait before the next stream, by the way the last one ended.</summary>
internal sealed class ReconnectBackoff(TimeSpan first, TimeSpan max)
{
    /// <summary>Ends of short streams that are taken as part of a server's life; one that goes on like this is in trouble.</summary>
    private const int Tolerated = 3;

    private TimeSpan _last = TimeSpan.Zero;
    private int _short;

    /// <summary>
    /// A clean end: at once. An end that is part of a server's life (shutdown, maximum age): the shortest wait. An error, or such ends
    /// of short streams again and again: twice the wait before. A stream that lasted longer than the longest wait makes all of that forgotten.
    /// </summary>
    public TimeSpan Next(GrpcException? failure, TimeSpan lasted)
    {
        if (lasted >= max)
        {
            (_last, _short) = (TimeSpan.Zero, 0);
        }

        if ((failure is null || IsExpected(failure)) && ++_short <= Tolerated)
        {
            return failure is null ? TimeSpan.Zero : first;
        }

        _last = _last < first ? first : _last * 2;
        return _last = _last > max ? max : _last;
    }

    public static bool IsExpected(GrpcException failure) => failure.Status switch
    {
        GrpcStatus.Unknown or GrpcStatus.Cancelled or GrpcStatus.DeadlineExceeded => true,
        GrpcStatus.Unavailable => failure.Detail.Contains("transport is closing", StringComparison.Ordinal)
            || failure.Detail.Contains("received prior goaway", StringComparison.Ordinal),
        _ => false,
    };

    /// <summary>The value of the label <c>reason</c>.</summary>
    public static string ReasonOf(GrpcException? failure, bool connected) => failure switch
    {
        null => "Complete",
        _ when !connected => "ConnectionError",
        _ when IsExpected(failure) => "Reconnect",
        _ => "Error",
    };
}
