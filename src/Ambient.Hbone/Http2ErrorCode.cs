namespace Ambient.Hbone;

/// <summary>Error codes of RST_STREAM and GOAWAY (RFC 9113 §7). Unknown codes are legal and keep their number.</summary>
public enum Http2ErrorCode : uint
{
    /// <summary>Not an error: graceful shutdown, or a stream whose rest is not wanted.</summary>
    NoError = 0x0,

    /// <summary>The peer broke a rule that has no code of its own.</summary>
    ProtocolError = 0x1,

    /// <summary>Something failed on our side.</summary>
    InternalError = 0x2,

    /// <summary>More bytes arrived than the window allowed, or a window passed 2^31-1.</summary>
    FlowControlError = 0x3,

    /// <summary>SETTINGS were not acknowledged in time.</summary>
    SettingsTimeout = 0x4,

    /// <summary>A frame arrived for a stream that its sender had ended.</summary>
    StreamClosed = 0x5,

    /// <summary>A frame has an impossible size.</summary>
    FrameSizeError = 0x6,

    /// <summary>The stream was not processed at all; its request may be sent again.</summary>
    RefusedStream = 0x7,

    /// <summary>The stream is no longer needed.</summary>
    Cancel = 0x8,

    /// <summary>The header compression state cannot be kept.</summary>
    CompressionError = 0x9,

    /// <summary>The connection behind a CONNECT was reset or closed abnormally.</summary>
    ConnectError = 0xa,

    /// <summary>The peer causes more work than it is worth.</summary>
    EnhanceYourCalm = 0xb,

    /// <summary>The transport is not secure enough.</summary>
    InadequateSecurity = 0xc,

    /// <summary>HTTP/1.1 is required for this request.</summary>
    Http11Required = 0xd,
}
