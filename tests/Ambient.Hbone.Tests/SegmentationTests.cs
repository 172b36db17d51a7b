using System.Text;
using Ambient.Hbone.Tests.Support;

namespace Ambient.Hbone.Tests;

/// <summary>The same session gives the same result in whatever pieces the network delivers it.</summary>
public sealed class SegmentationTests
{
    [Fact]
    public void Every_byte_by_itself() => RunSession(() => 1);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Random_pieces(int seed)
    {
        var random = new Random(seed);
        RunSession(() => random.Next(1, 40));
    }

    [Fact]
    public void Pieces_around_the_size_of_a_frame_header()
    {
        for (var size = 2; size < 30; size++)
        {
            RunSession(() => size);
        }
    }

    private static void RunSession(Func<int> mostPerRead)
    {
        var transport = new SteppedTransport(mostPerRead);
        var budget = new ByteBudget(ByteBudget.DefaultLimit);
        var served = new List<string>();
        var client = Http2Connection.Client(transport.Near, Http2Limits.ForClient(), budget);
        var server = Http2Connection.Server(transport.Far, Http2Limits.ForServer(), budget, stream => _ = EchoAsync(stream, served));
        var clientEnd = client.RunAsync();
        var serverEnd = server.RunAsync();
        transport.Run();

        var payload = Enumerable.Range(0, 3_000).Select(i => (byte)i).ToArray();
        var tunnel = client.Open(RequestHeaders.Connect("10.0.0.1:80", new HeaderField("baggage", new string('b', 300))));
        var posted = client.Open(new RequestHeaders { Method = "POST", Scheme = "http", Path = "/x?y=z", Authority = "a", Fields = new([new("te", "trailers")]) });
        var tunnelBack = TalkAsync(tunnel, payload);
        var postedBack = TalkAsync(posted, payload);
        transport.Run();
        Assert.True(tunnelBack.IsCompletedSuccessfully, tunnelBack.Exception?.ToString());
        Assert.True(postedBack.IsCompletedSuccessfully, postedBack.Exception?.ToString());
        Assert.Equal(payload, tunnelBack.Result);
        Assert.Equal(payload, postedBack.Result);
        Assert.Equal("yes", posted.Trailers["x-done"]);
        Assert.Equal(["CONNECT 10.0.0.1:80", "POST a"], served.Order(StringComparer.Ordinal));

        client.GoAway();
        transport.Run();
        Assert.Equal(ConnectionEndReason.Drained, clientEnd.Result.Reason);
        Assert.Equal(ConnectionEndReason.PeerGoAway, serverEnd.Result.Reason);
        Assert.Equal(0, budget.Held);
    }

    private static async Task<byte[]> TalkAsync(Http2Stream stream, byte[] payload)
    {
        var response = await stream.ResponseAsync();
        Assert.Equal(200, response.Status);
        Assert.Equal(103, Assert.Single(response.Interim).Status);
        await stream.Output.WriteAsync(payload);
        stream.Output.Complete();
        return await stream.Input.ReadToEndAsync();
    }

    private static async Task EchoAsync(Http2Stream stream, List<string> served)
    {
        served.Add($"{stream.Request.Method} {stream.Request.Authority}");
        stream.Respond(103, [new("link", "</style.css>")], endStream: false);
        stream.Respond(200, [new("x-echo", Encoding.ASCII.GetString(new byte[] { 65 }))], endStream: false);
        await stream.Output.WriteAsync(await stream.Input.ReadToEndAsync());
        if (stream.Request.IsConnect)
        {
            stream.Output.Complete();
        }
        else
        {
            stream.CompleteWithTrailers(new HeaderField("x-done", "yes"));
        }
    }
}
