namespace Ambient.Http;

/// <summary>The protocol of a message's connection.</summary>
public enum HttpVersion : byte
{
    /// <summary>HTTP/1.1 (RFC 9112).</summary>
    Http1,

    /// <summary>HTTP/2 (RFC 9113).</summary>
    Http2,
}
