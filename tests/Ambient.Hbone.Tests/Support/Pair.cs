using System.IO.Pipelines;

namespace Ambient.Hbone.Tests.Support;

/// <summary>A client and a server connected in memory, both running.</summary>
internal sealed class Pair
{
    private readonly Action<Http2Stream>? _onRequest;

    public Pair(
        Action<Http2Stream>? onRequest = null,
        Http2Limits? clientLimits = null,
        Http2Limits? serverLimits = null,
        (IDuplexPipe Near, IDuplexPipe Far)? transport = null,
        ByteBudget? budget = null)
    {
        _onRequest = onRequest;
        var (near, far) = transport ?? MemoryTransport.Create();
        Budget = budget ?? new ByteBudget(ByteBudget.DefaultLimit);
        Client = Http2Connection.Client(near, clientLimits ?? Http2Limits.ForClient(), Budget);
        Server = Http2Connection.Server(far, serverLimits ?? Http2Limits.ForServer(), Budget, OnRequest);
        ClientEnd = Client.RunAsync();
        ServerEnd = Server.RunAsync();
    }

    public ByteBudget Budget { get; }

    public Http2Connection Client { get; }

    public Http2Connection Server { get; }

    public Task<ConnectionEnd> ClientEnd { get; }

    public Task<ConnectionEnd> ServerEnd { get; }

    /// <summary>Requests that arrived while no handler was given.</summary>
    public Queue<Http2Stream> Requests { get; } = new();

    public async Task<(Http2Stream Client, Http2Stream Server)> ConnectAsync(string authority = "10.0.0.1:80")
    {
        var client = Client.Open(RequestHeaders.Connect(authority));
        await OnLoop.UntilAsync(() => Requests.Count > 0, "the request");
        var server = Requests.Dequeue();
        server.Respond(200, [], endStream: false);
        Assert.Equal(200, (await client.ResponseAsync()).Status);
        return (client, server);
    }

    public async Task CloseAsync()
    {
        Client.GoAway();
        await ClientEnd.WaitAsync(OnLoop.Patience);
        await ServerEnd.WaitAsync(OnLoop.Patience);
    }

    private void OnRequest(Http2Stream stream)
    {
        if (_onRequest is not null)
        {
            _onRequest(stream);
        }
        else
        {
            Requests.Enqueue(stream);
        }
    }
}
