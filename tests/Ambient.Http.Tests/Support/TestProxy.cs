namespace Ambient.Http.Tests.Support;

/// <summary>A reverse proxy as small as it can be: every request to a connection of its own, both bodies at once.</summary>
internal static class TestProxy
{
    /// <summary>Forwards one request; the fault if no response could be had.</summary>
    public static async Task<HttpException?> ForwardAsync(IServerExchange exchange, IClientConnection upstream)
    {
        using var request = upstream.Send(exchange.Request, !exchange.Request.HasBody && exchange.Request.Upgrade is null);
        exchange.OnAborted = request.Abort;
        request.OnInterim = exchange.RespondInterim;
        var sending = exchange.Request.HasBody ? SendAsync(exchange, request) : Task.CompletedTask;
        ResponseHead response;
        try
        {
            response = await request.ResponseAsync();
        }
        catch (HttpException fault)
        {
            return fault;
        }

        if (response.Status == 101)
        {
            exchange.Respond(response, endStream: false);
            await Task.WhenAll(
                RelayAsync(exchange.RequestBody, request.RequestBody), RelayAsync(request.ResponseBody, exchange.ResponseBody));
            return null;
        }

        exchange.Respond(response, endStream: !response.HasBody);
        try
        {
            if (response.HasBody)
            {
                await Bodies.CopyAsync(request.ResponseBody, exchange.ResponseBody);
                exchange.Complete(request.ResponseTrailers);
            }

            await sending;
        }
        catch (HttpException)
        {
            exchange.Abort();
        }

        return null;
    }

    private static async Task SendAsync(IServerExchange exchange, IClientExchange request)
    {
        try
        {
            await Bodies.CopyAsync(exchange.RequestBody, request.RequestBody);
            request.CompleteRequest(exchange.RequestTrailers);
        }
        catch (HttpException)
        {
            request.Abort();
        }
    }

    private static async Task RelayAsync(System.IO.Pipelines.PipeReader reader, System.IO.Pipelines.PipeWriter writer)
    {
        try
        {
            await Bodies.CopyAsync(reader, writer);
            await writer.CompleteAsync();
        }
        catch (HttpException fault)
        {
            await writer.CompleteAsync(fault);
        }
    }
}
