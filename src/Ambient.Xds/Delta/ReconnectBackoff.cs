using Ambient.Xds.Grpc;

namespace Ambient.Xds.Delta;

/// <summary>How long to wait before the next stream, by the way the last one ended.</summary>
internal sealed class ReconnectBackoff(TimeSpan first, TimeSpan max)
{
    private TimeSpan _last = TimeSpan.Zero;

    /// <summary>
    /// A clean end: at once. An end that is part of a server's life (shutdown, maximum age): the shortest wait. An error: twice the wait
    /// before, counted anew once a stream brought something.
    /// </summary>
    public TimeSpan Next(GrpcException? failure, bool heard)
    {
        if (failure is null)
        {
            return _last = TimeSpan.Zero;
        }

        if (heard || IsExpected(failure))
        {
            return _last = first;
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
