namespace Ambient.Hbone.Tests.Support;

/// <summary>Our server, with a raw peer as its client.</summary>
internal sealed class ServerUnderTest
{
    public ServerUnderTest(Http2Limits? limits = null, Action<Http2Stream>? onRequest = null, int pauseAt = 1 << 20, ByteBudget? budget = null)
    {
        var (near, far) = MemoryTransport.Create(pauseAt);
        Peer = new RawPeer(near);
        Budget = budget ?? new ByteBudget(ByteBudget.DefaultLimit);
        Connection = Http2Connection.Server(far, limits ?? Http2Limits.ForServer(), Budget, onRequest ?? OnRequest);
        End = Connection.RunAsync();
    }

    public RawPeer Peer { get; }

    public ByteBudget Budget { get; }

    public Http2Connection Connection { get; }

    public Task<ConnectionEnd> End { get; }

    public List<Http2Stream> Requests { get; } = [];

    /// <summary>A server that has seen the preface and an accepted tunnel on stream 1.</summary>
    public static async Task<(ServerUnderTest Server, Http2Stream Stream)> WithTunnelAsync(Http2Limits? limits = null, int pauseAt = 1 << 20, byte[]? settings = null, ByteBudget? budget = null)
    {
        var server = new ServerUnderTest(limits, pauseAt: pauseAt, budget: budget);
        await server.Peer.StartAsClientAsync(settings ?? []);
        return (server, await server.OpenAsync(1));
    }

    public async Task<Http2Stream> OpenAsync(int streamId)
    {
        await Peer.ConnectAsync(streamId);
        await OnLoop.UntilAsync(() => Requests.Any(request => request.Id == streamId), "the request");
        var stream = Requests.Single(request => request.Id == streamId);
        stream.Respond(200, [], endStream: false);
        await Peer.ExpectAsync(RawFrame.Headers, streamId);
        return stream;
    }

    /// <summary>Only tunnels are kept; other requests are answered at once.</summary>
    private void OnRequest(Http2Stream stream)
    {
        if (stream.Request.IsConnect)
        {
            Requests.Add(stream);
        }
        else
        {
            stream.Respond(405, [], endStream: true);
        }
    }

    public async Task ExpectEndAsync(ConnectionEndReason reason)
    {
        var end = await End.WaitAsync(OnLoop.Patience);
        Assert.Equal(reason, end.Reason);
    }
}
