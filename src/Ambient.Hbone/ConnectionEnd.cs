namespace Ambient.Hbone;

/// <summary>Why a connection is over. One value per kind of ending, so that a metric can count them.</summary>
public enum ConnectionEndReason
{
    /// <summary>We announced the end with <see cref="Http2Connection.GoAway"/> and the last stream has ended.</summary>
    Drained,

    /// <summary>The peer announced the end and the last stream has ended.</summary>
    PeerGoAway,

    /// <summary>The peer closed the transport.</summary>
    PeerClosed,

    /// <summary>The peer sent GOAWAY with an error code.</summary>
    PeerError,

    /// <summary>The peer broke the protocol; we told it so with GOAWAY.</summary>
    ProtocolError,

    /// <summary>The peer used up the work budget of its connection (GOAWAY with ENHANCE_YOUR_CALM).</summary>
    Abuse,

    /// <summary>A keep-alive PING stayed without answer.</summary>
    KeepAliveTimeout,

    /// <summary>The peer did not send or acknowledge SETTINGS in time.</summary>
    SettingsTimeout,

    /// <summary>Reading from or writing to the transport failed.</summary>
    TransportFailed,

    /// <summary>The owner called <see cref="Http2Connection.Abort"/> or disposed the connection.</summary>
    Aborted,
}

/// <summary>How a connection ended: the reason, the error code on the wire if any, and words for the log.</summary>
public sealed record ConnectionEnd(ConnectionEndReason Reason, Http2ErrorCode Code = Http2ErrorCode.NoError, string? Detail = null)
{
    /// <summary>The ending was agreed or ordinary: nothing that an operator has to look at.</summary>
    public bool IsClean => Reason is ConnectionEndReason.Drained or ConnectionEndReason.PeerGoAway or ConnectionEndReason.PeerClosed;

    /// <inheritdoc/>
    public override string ToString() =>
        Detail is null ? $"HTTP/2 connection ended: {Reason} ({Code})" : $"HTTP/2 connection ended: {Reason} ({Code}): {Detail}";
}
