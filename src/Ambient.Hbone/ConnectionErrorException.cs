namespace Ambient.Hbone;

/// <summary>
/// The peer did something after which the connection cannot go on (RFC 9113 §5.4.1). Thrown by parsers, caught by the read
/// loop, answered with GOAWAY. A stream error is a call of <c>FailStream</c> instead: a peer can cause those by the thousand,
/// and an exception each would be its lever.
/// </summary>
internal sealed class ConnectionErrorException(Http2ErrorCode code, string message) : Exception(message)
{
    public Http2ErrorCode Code { get; } = code;
}
