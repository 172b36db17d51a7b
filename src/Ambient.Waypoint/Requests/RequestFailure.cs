using Ambient.Http;

namespace Ambient.Waypoint.Requests;

/// <summary>How a try ended that brought no answer.</summary>
internal enum TryEnd
{
    /// <summary>No connection came about.</summary>
    ConnectFailed,

    /// <summary>The connection ended.</summary>
    ConnectionEnded,

    /// <summary>The peer reset the stream.</summary>
    Reset,

    /// <summary>The peer says that it has not begun.</summary>
    Refused,

    /// <summary>The peer broke the protocol.</summary>
    ProtocolError,

    /// <summary>It took too long.</summary>
    TimedOut,

    /// <summary>A limit of the upstream is reached.</summary>
    Overflow,

    /// <summary>No endpoint is in use.</summary>
    NoEndpoint,
}

/// <summary>A try that brought no answer: what the client, the log and the metrics are told.</summary>
/// <param name="End">How it ended.</param>
/// <param name="Words">What the log says.</param>
/// <param name="WasReused">It failed on a connection that had served before, with no byte of an answer.</param>
internal readonly record struct RequestFailure(TryEnd End, string Words, bool WasReused = false)
{
    /// <summary>The status that the client gets.</summary>
    public int Status => End switch
    {
        TryEnd.ProtocolError => 502,
        TryEnd.TimedOut => 504,
        _ => 503,
    };

    /// <summary>The flag.</summary>
    public ResponseFlags Flag => End switch
    {
        TryEnd.ConnectFailed => ResponseFlags.UF,
        TryEnd.ConnectionEnded => ResponseFlags.UC,
        TryEnd.Reset or TryEnd.Refused => ResponseFlags.UR,
        TryEnd.ProtocolError => ResponseFlags.UPE,
        TryEnd.TimedOut => ResponseFlags.UT,
        TryEnd.NoEndpoint => ResponseFlags.UH,
        _ => ResponseFlags.UO,
    };

    /// <summary>What became of it before an answer had begun, as the log's details say it.</summary>
    public string Details => End switch
    {
        TryEnd.ConnectFailed => "upstream_reset_before_response_started{remote_connection_failure}",
        TryEnd.ConnectionEnded => "upstream_reset_before_response_started{connection_termination}",
        TryEnd.Reset => "upstream_reset_before_response_started{remote_reset}",
        TryEnd.Refused => "upstream_reset_before_response_started{remote_refused_stream_reset}",
        TryEnd.ProtocolError => "upstream_reset_before_response_started{protocol_error}",
        TryEnd.TimedOut => "response_timeout",
        TryEnd.NoEndpoint => "no_healthy_upstream",
        _ => "upstream_reset_before_response_started{overflow}",
    };

    /// <summary>The same when the answer had begun.</summary>
    public string LateDetails => End switch
    {
        TryEnd.TimedOut => "response_timeout",
        TryEnd.ProtocolError => "upstream_reset_after_response_started{protocol_error}",
        TryEnd.Reset or TryEnd.Refused => "upstream_reset_after_response_started{remote_reset}",
        _ => "upstream_reset_after_response_started{connection_termination}",
    };

    /// <summary>The answer's body: the words that clients of Istio know, and nothing of ours.</summary>
    public string Body(bool retried) => End switch
    {
        TryEnd.TimedOut => "upstream request timeout",
        TryEnd.NoEndpoint => "no healthy upstream",
        _ => $"upstream connect error or disconnect/reset before headers. {(retried ? "retried and the latest " : "")}reset reason: {ResetReason}",
    };

    private string ResetReason => End switch
    {
        TryEnd.ConnectFailed => "remote connection failure",
        TryEnd.ConnectionEnded => "connection termination",
        TryEnd.Reset => "remote reset",
        TryEnd.Refused => "remote refused stream reset",
        TryEnd.ProtocolError => "protocol error",
        _ => "overflow",
    };

    /// <summary>A body that was not passed on to its end. One that stops short of its length breaks the protocol.</summary>
    public static RequestFailure Late(IOException failure) =>
        failure is HttpException { Fault: HttpFault.ConnectionClosed }
            ? new RequestFailure(TryEnd.ProtocolError, failure.Message)
            : failure is HttpException http ? Of(http, isReused: false) : new RequestFailure(TryEnd.ConnectionEnded, failure.Message);

    /// <summary>A failure of an exchange.</summary>
    public static RequestFailure Of(HttpException failure, bool isReused) => new(
        failure.Fault switch
        {
            HttpFault.ProtocolError => TryEnd.ProtocolError,
            HttpFault.StreamReset => TryEnd.Reset,
            HttpFault.StreamRefused => TryEnd.Refused,
            HttpFault.TimedOut => TryEnd.TimedOut,
            _ => TryEnd.ConnectionEnded,
        },
        failure.Message,
        isReused && !failure.ResponseStarted && failure.Fault is HttpFault.ConnectionClosed or HttpFault.ConnectionFailed);
}
