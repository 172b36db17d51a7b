namespace Ambient.Http.Sniffing;

/// <summary>What a connection's first bytes are.</summary>
public enum SniffedProtocol
{
    /// <summary>The bytes so far may still become one or the other.</summary>
    Undecided,

    /// <summary>A request line of HTTP/1.</summary>
    Http1,

    /// <summary>The connection preface of HTTP/2 with prior knowledge.</summary>
    Http2,

    /// <summary>Something else, as TLS: passed through as bytes.</summary>
    Opaque,
}
