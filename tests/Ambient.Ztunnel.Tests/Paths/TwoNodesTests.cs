using System.Text;
using Ambient.Ztunnel.Tests.Support;

namespace Ambient.Ztunnel.Tests.Paths;

/// <summary>Two node proxies, two captured pods: what applications see.</summary>
public sealed class TwoNodesTests
{
    [Fact]
    public async Task A_client_reaches_a_server_through_the_tunnel_and_the_server_sees_the_clients_address()
    {
        await using var world = await TwoNodes.StartAsync();
        var answer = await world.Applications.CallAsync(world.Client, "10.203.0.2:7001", "hello");
        Assert.Equal("seen 10.203.0.1", answer);
    }
}
