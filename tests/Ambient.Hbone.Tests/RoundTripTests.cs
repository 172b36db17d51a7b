using Ambient.Hbone.Tests.Support;

namespace Ambient.Hbone.Tests;

/// <summary>Our client and our server: tunnels, half-closes, resets, headers.</summary>
public sealed class RoundTripTests
{
    [Fact]
    public Task A_tunnel_carries_bytes_both_ways_and_each_direction_ends_by_itself() => OnLoop.RunAsync(async () =>
    {
        var pair = new Pair();
        var (client, server) = await pair.ConnectAsync("10.1.2.3:8080");
        Assert.Equal("CONNECT", server.Request.Method);
        Assert.Equal("10.1.2.3:8080", server.Request.Authority);

        await client.Output.WriteAsync("hello"u8.ToArray());
        Assert.Equal("hello"u8.ToArray(), await server.Input.ReadExactlyAsync(5));
        client.Output.Complete();
        Assert.Empty(await server.Input.ReadToEndAsync());

        await server.Output.WriteAsync("still here"u8.ToArray());
        server.Output.Complete();
        Assert.Equal("still here"u8.ToArray(), await client.Input.ReadToEndAsync());
        Assert.Equal(0, pair.Client.ActiveStreams);
        Assert.Equal(0, pair.Server.ActiveStreams);
        await pair.CloseAsync();
        Assert.Equal(ConnectionEndReason.Drained, (await pair.ClientEnd).Reason);
        Assert.Equal(0, pair.Budget.Held);
    });

    [Theory]
    [InlineData(1)]
    [InlineData(16_384)]
    [InlineData(9_000_000)]
    public Task Bytes_arrive_as_they_were_sent(int length) => OnLoop.RunAsync(async () =>
    {
        var sent = new byte[length];
        new Random(length).NextBytes(sent);
        var pair = new Pair();
        var (client, server) = await pair.ConnectAsync();
        var writing = WriteAsync(client, sent);
        var echoing = EchoAsync(server);
        Assert.Equal(sent, await client.Input.ReadToEndAsync());
        await writing;
        await echoing;
        await pair.CloseAsync();
        Assert.Equal(0, pair.Budget.Held);
    });

    [Fact]
    public Task A_direct_writer_puts_its_bytes_into_the_memory_of_the_transport() => OnLoop.RunAsync(async () =>
    {
        var sent = new byte[3_000_000];
        new Random(3).NextBytes(sent);
        var pair = new Pair();
        var (client, server) = await pair.ConnectAsync();
        client.WritesDirectly = true;
        var writing = WriteInSmallStepsAsync(client, sent);
        Assert.Equal(sent, await server.Input.ReadToEndAsync());
        await writing;
    });

    [Fact]
    public Task Headers_and_status_arrive_as_they_were_sent() => OnLoop.RunAsync(async () =>
    {
        var pair = new Pair();
        var client = pair.Client.Open(RequestHeaders.Connect(
            "server.shop.svc.cluster.local:80", new("baggage", "k8s.cluster.name=Kubernetes"), new("forwarded", "for=\"10.0.0.1:5\"", IsSensitive: true)));
        await OnLoop.UntilAsync(() => pair.Requests.Count > 0, "the request");
        var server = pair.Requests.Dequeue();
        Assert.Equal("k8s.cluster.name=Kubernetes", server.Request.Fields["baggage"]);
        Assert.True(server.Request.Fields[1].IsSensitive);
        server.Respond(503, [new("baggage", "x=y")], endStream: true);
        var response = await client.ResponseAsync();
        Assert.Equal(503, response.Status);
        Assert.True(response.EndStream);
        Assert.Equal("x=y", response.Fields["baggage"]);
        Assert.Empty(await client.Input.ReadToEndAsync());
    });

    private static async Task WriteAsync(Http2Stream stream, byte[] bytes)
    {
        await stream.Output.WriteAsync(bytes);
        await stream.Output.CompleteAsync();
    }

    private static async Task WriteInSmallStepsAsync(Http2Stream stream, byte[] bytes)
    {
        for (var sent = 0; sent < bytes.Length;)
        {
            var memory = stream.Output.GetMemory();
            var count = Math.Min(Math.Min(memory.Length, 5_000), bytes.Length - sent);
            bytes.AsMemory(sent, count).CopyTo(memory);
            stream.Output.Advance(count);
            sent += count;
            await stream.Output.FlushAsync();
        }

        await stream.Output.CompleteAsync();
    }

    private static async Task EchoAsync(Http2Stream stream)
    {
        while (true)
        {
            var result = await stream.Input.ReadAsync();
            foreach (var memory in result.Buffer)
            {
                await stream.Output.WriteAsync(memory);
            }

            stream.Input.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
            {
                stream.Output.Complete();
                return;
            }
        }
    }
}
