using Ambient.Mesh.Model;

namespace Ambient.Waypoint.Tests.Requests;

/// <summary>What the CONNECT to an endpoint says, and to whom.</summary>
public sealed class TunnelTests : RequestFixture
{
    [Fact]
    public async Task An_endpoint_with_a_tunnel_is_never_reached_without_one()
    {
        var server = Own(RawServer.Saying("in the clear"));
        Serve();
        var pod = Endpoint(Shop, server.Address, "meshed");
        Mesh.Apply(new Mesh.State.MeshUpdate { Workloads = { pod with { Traits = pod.Traits with { Protocol = TunnelProtocol.Hbone } } } });
        var answer = await GetAsync("/");
        Assert.Equal(503, StatusOf(answer));
        Assert.Empty(server.Requests);
        Assert.Contains("flags=\"UF,URX\"", Assert.Single(await LogAsync()));
        Assert.Contains("is reached by a tunnel", (await LogAsync())[0]);
    }
}
