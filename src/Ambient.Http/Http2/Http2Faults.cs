using Ambient.Hbone;

namespace Ambient.Http.Http2;

/// <summary>The engine's failures in the words of exchanges.</summary>
internal static class Http2Faults
{
    public static HttpException Of(Exception exception, bool responseStarted) =>
        new(KindOf(exception), responseStarted, exception.Message, exception);

    private static HttpFault KindOf(Exception exception) => exception switch
    {
        Http2StreamException { IsRetryable: true } => HttpFault.StreamRefused,
        Http2StreamException { IsPeerMalformed: true } => HttpFault.ProtocolError,
        Http2StreamException => HttpFault.StreamReset,
        Http2ConnectionException { End.Reason: ConnectionEndReason.ProtocolError or ConnectionEndReason.Abuse } => HttpFault.ProtocolError,
        Http2ConnectionException { End.Reason: ConnectionEndReason.PeerClosed or ConnectionEndReason.PeerGoAway } => HttpFault.ConnectionClosed,
        Http2ConnectionException { End.Reason: ConnectionEndReason.Aborted } => HttpFault.Aborted,
        _ => HttpFault.ConnectionFailed,
    };
}
