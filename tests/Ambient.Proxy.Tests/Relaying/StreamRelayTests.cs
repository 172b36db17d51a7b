namespace Ambient.Proxy.Tests.Relaying;

/// <summary>What holds for one tunnel holds for two with a waypoint's relay between them.</summary>
public sealed class StreamRelayTests : TunnelRelayTests
{
    protected override bool HasWaypoint => true;

    [Fact]
    public async Task The_relay_between_counts_what_passes()
    {
        using var way = await OpenAsync();
        await SendAsync(way.Client, new byte[200_000]);
        await ReceiveAsync(way.Application, 200_000);
        await SendAsync(way.Application, new byte[3_000]);
        await ReceiveAsync(way.Client, 3_000);
        way.Client.Shutdown(System.Net.Sockets.SocketShutdown.Send);
        await ReceiveToEndAsync(way.Application);
        way.Application.Shutdown(System.Net.Sockets.SocketShutdown.Send);
        await ReceiveToEndAsync(way.Client);
        await OnLoopAsync(() => UntilAsync(() => !WaypointEnds.IsEmpty, "the relay between ends"));
        Assert.True(WaypointEnds.TryDequeue(out var passed));
        Assert.Null(passed.Error);
        Assert.Equal((200_000, 3_000), (WaypointCount.Up, WaypointCount.Down));
    }
}
