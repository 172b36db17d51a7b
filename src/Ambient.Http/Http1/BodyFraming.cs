namespace Ambient.Http.Http1;

/// <summary>How a body's end is told (RFC 9112 §6).</summary>
internal enum BodyFraming
{
    /// <summary>There is no body.</summary>
    None,

    /// <summary>By content-length.</summary>
    Length,

    /// <summary>By the last chunk.</summary>
    Chunked,

    /// <summary>By the end of the connection: a response's, or the bytes after an upgrade.</summary>
    UntilClose,
}
