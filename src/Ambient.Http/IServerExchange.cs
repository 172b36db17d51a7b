using System.IO.Pipelines;
using Ambient.Http.Fields;

namespace Ambient.Http;

/// <summary>
/// One request and the response that its handler gives. Belongs to its connection's loop, and is valid until the handler has returned: a
/// connection may use the object again for its next request.
/// </summary>
public interface IServerExchange
{
    /// <summary>The request's head.</summary>
    RequestHead Request { get; }

    /// <summary>
    /// The request's body; at its end at once if there is none. Reading it for the first time sends 100 (Continue) if the client waits
    /// for that. A body cut short or malformed throws <see cref="HttpException"/>. After <see cref="Respond"/> with 101 it holds the raw bytes
    /// that the client sends.
    /// </summary>
    PipeReader RequestBody { get; }

    /// <summary>Fields after the body, once it has been read to its end; null if there were none. Those of HTTP/1.1 are dropped.</summary>
    FieldList? RequestTrailers { get; }

    /// <summary>
    /// The client went away or broke the protocol: whatever is done for it is in vain. In HTTP/1.1 an end of the client's direction counts as
    /// going away, as it does for Envoy: a client that gives up closes its socket, which looks the same.
    /// </summary>
    bool IsAborted { get; }

    /// <summary>
    /// Called once, on the loop, when <see cref="IsAborted"/> becomes true, and at once if it is so already. Cleared with the exchange.
    /// </summary>
    Action? OnAborted { get; set; }

    /// <summary><see cref="Respond"/> was called.</summary>
    bool HasResponded { get; }

    /// <summary>
    /// Sends an interim response (100 to 199 but not 101), after which others may follow. 100 is passed on only if the client waits for it.
    /// </summary>
    void RespondInterim(ResponseHead head);

    /// <summary>
    /// Sends the response's head. With <paramref name="endStream"/> there is no body and the response is complete; else the body goes to
    /// <see cref="ResponseBody"/>, by length if <see cref="ResponseHead.ContentLength"/> tells it. To HEAD, and for 204 and 304, no body is sent
    /// whatever is written. Nothing happens if the exchange is aborted. The head is copied.
    /// </summary>
    void Respond(ResponseHead head, bool endStream);

    /// <summary>
    /// The response's body. <see cref="PipeWriter.FlushAsync"/> waits while the client is slow; its result says that it is gone. Completing it
    /// completes the response; completing it with an exception aborts the exchange, so that the client sees that something is missing.
    /// </summary>
    PipeWriter ResponseBody { get; }

    /// <summary>Ends the response's body, with trailer fields if the client takes them.</summary>
    void Complete(FieldList? trailers = null);

    /// <summary>Ends the exchange at once: HTTP/1.1 closes the connection, HTTP/2 resets the stream.</summary>
    void Abort();
}
