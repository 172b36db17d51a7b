namespace Ambient.Http;

/// <summary>What a server's connection does with requests. Calls come on the connection's loop.</summary>
public interface IRequestHandler
{
    /// <summary>
    /// Answers a request. When it returns the exchange is over: what is not complete then is aborted. It is not expected to throw; an exception
    /// aborts the exchange and fails the connection's task. Its method has to be one of
    /// <see cref="System.Runtime.CompilerServices.PoolingAsyncValueTaskMethodBuilder"/>, or not async: its continuation then runs inline on the loop,
    /// where it has to complete; the connection fails loudly otherwise.
    /// </summary>
    ValueTask HandleAsync(IServerExchange exchange);

    /// <summary>A request was refused before it became one, for what is wrong with its bytes; for log and metrics.</summary>
    void OnRefused(in Refusal refusal);
}
