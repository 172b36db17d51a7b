namespace Ambient.Hbone;

/// <summary>One stream ended with an error; the connection and its other streams go on.</summary>
public sealed class Http2StreamException(int streamId, Http2ErrorCode code, string message) : IOException(message)
{
    /// <summary>The stream that ended.</summary>
    public int StreamId { get; } = streamId;

    /// <summary>The code of the RST_STREAM that was sent or received.</summary>
    public Http2ErrorCode Code { get; } = code;

    /// <summary>This side reset the stream for what its peer sent.</summary>
    public bool IsPeerMalformed { get; init; }

    /// <summary>The peer promises that it did not process the request: it may be sent again (RFC 9113 §8.7).</summary>
    public bool IsRetryable => Code == Http2ErrorCode.RefusedStream;
}
