namespace Ambient.Http;

/// <summary>An exchange failed.</summary>
public sealed class HttpException : IOException
{
    /// <summary>A failure in words for the log.</summary>
    public HttpException(HttpFault fault, bool responseStarted, string words, Exception? inner = null)
        : base(words, inner)
    {
        Fault = fault;
        ResponseStarted = responseStarted;
    }

    /// <summary>What kind of failure it is.</summary>
    public HttpFault Fault { get; }

    /// <summary>Something of a response had arrived, so the request was seen.</summary>
    public bool ResponseStarted { get; }
}
