namespace Ambient.Http;

/// <summary>How an exchange failed. The response flags in brackets are those of Istio's access log for an upstream's failure.</summary>
public enum HttpFault
{
    /// <summary>The peer closed the connection before its message was complete (UC).</summary>
    ConnectionClosed,

    /// <summary>The connection failed: reset, or an error of the transport (UC; UR if the transport says reset).</summary>
    ConnectionFailed,

    /// <summary>What the peer sent breaks the protocol (UPE; DPE for a client).</summary>
    ProtocolError,

    /// <summary>The peer reset the stream (UR).</summary>
    StreamReset,

    /// <summary>The peer did not process the request at all: it may be sent elsewhere (UR, and retried).</summary>
    StreamRefused,

    /// <summary>The peer was silent in the middle of a message for too long (SI).</summary>
    TimedOut,

    /// <summary>This side gave up.</summary>
    Aborted,
}
