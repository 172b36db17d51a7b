using System.IO.Pipelines;
using Ambient.Http.Fields;

namespace Ambient.Http;

/// <summary>
/// One request sent and its response. Belongs to its connection's loop. Whoever sent the request disposes the exchange, after which the
/// connection may use the object again; one that has not ended is aborted by that.
/// </summary>
public interface IClientExchange : IDisposable
{
    /// <summary>
    /// The request's body. <see cref="PipeWriter.FlushAsync"/> waits while the server is slow; its result is completed if the server takes no
    /// more, whose response may still come. Completing it completes the request; with an exception it aborts the exchange.
    /// </summary>
    PipeWriter RequestBody { get; }

    /// <summary>Ends the request's body, with trailer fields where the protocol has them.</summary>
    void CompleteRequest(FieldList? trailers = null);

    /// <summary>
    /// The head of the final response; of 101 if the server accepts the upgrade, after which both bodies are raw bytes. One caller, once.
    /// Throws <see cref="HttpException"/>, which tells what happened and whether an answer had begun.
    /// </summary>
    ValueTask<ResponseHead> ResponseAsync();

    /// <summary>Called for each interim response as it comes; the head is valid during the call.</summary>
    Action<ResponseHead>? OnInterim { get; set; }

    /// <summary>The response's body; at its end at once if there is none. A body cut short or malformed throws <see cref="HttpException"/>.</summary>
    PipeReader ResponseBody { get; }

    /// <summary>Fields after the body, once it has been read to its end; null if there were none. Those of HTTP/1.1 are dropped.</summary>
    FieldList? ResponseTrailers { get; }

    /// <summary>Something of an answer has arrived: the request was seen, and must not be sent again unasked.</summary>
    bool HasResponse { get; }

    /// <summary>Both messages are complete.</summary>
    bool IsComplete { get; }

    /// <summary>Ends the exchange at once: HTTP/1.1 closes the connection, HTTP/2 resets the stream. Who waits gets an exception.</summary>
    void Abort();
}
