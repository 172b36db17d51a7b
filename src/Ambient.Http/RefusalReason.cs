namespace Ambient.Http;

/// <summary>Why bytes did not become a request. <see cref="Refusal"/> gives the status that each is answered with.</summary>
public enum RefusalReason
{
    /// <summary>The request line is not <c>method SP target SP version</c>.</summary>
    RequestLine,

    /// <summary>The method is not one that is known.</summary>
    Method,

    /// <summary>CONNECT: a waypoint is no forward proxy.</summary>
    Connect,

    /// <summary>A version other than 1.1.</summary>
    Version,

    /// <summary>A target in none of the allowed forms, or with characters that have no place there.</summary>
    Target,

    /// <summary>An absolute target of a scheme other than http and https.</summary>
    Scheme,

    /// <summary><c>OPTIONS *</c>: no route can match it.</summary>
    AsteriskTarget,

    /// <summary>The path holds NUL, or a fragment, or otherwise cannot be normalised.</summary>
    Path,

    /// <summary>No <c>host</c>.</summary>
    HostMissing,

    /// <summary>More than one <c>host</c>.</summary>
    HostRepeated,

    /// <summary>A <c>host</c> or <c>:authority</c> that is no host and port; user information is none either.</summary>
    Authority,

    /// <summary>A field line without colon, with a name that is no token, or folded.</summary>
    FieldLine,

    /// <summary>A control character in a value.</summary>
    FieldValue,

    /// <summary>A line that ends by LF alone, or a CR in the middle of one.</summary>
    LineEnd,

    /// <summary>A <c>content-length</c> that is no number, or more than one.</summary>
    ContentLength,

    /// <summary><c>content-length</c> together with <c>transfer-encoding</c>.</summary>
    LengthAndEncoding,

    /// <summary>A transfer coding other than <c>chunked</c>, once.</summary>
    TransferEncoding,

    /// <summary><c>connection</c> names a field that is the request's own, as <c>host</c>.</summary>
    ConnectionField,

    /// <summary>An upgrade to something other than <c>websocket</c>.</summary>
    Upgrade,

    /// <summary>The head is larger than allowed.</summary>
    HeadTooLarge,

    /// <summary>More fields than allowed.</summary>
    TooManyFields,

    /// <summary>The head did not arrive in time.</summary>
    HeadTimeout,

    /// <summary>The body is malformed: chunks, their sizes, line ends or trailers.</summary>
    Body,

    /// <summary>The body did not arrive in time.</summary>
    BodyTimeout,
}
