using System.Text;
using Ambient.Api;
using Ambient.Api.Enrolment;

namespace Ambient.Ztunnel.Tests.Support;

/// <summary>
/// The scene of the recordings: a client on node na, a server on node nb, both captured; a plaintext workload; two node proxies that read the
/// recorded state.
/// </summary>
internal sealed class TwoNodes : IAsyncDisposable
{
    private readonly TestNetwork _network = new();
    private readonly TestAuthority _authority = new();
    private readonly TestAgent _sourceAgent = new();
    private readonly TestAgent _destinationAgent = new();

    private TwoNodes()
    {
        Client = _network.AddPod(1, captured: true);
        Server = _network.AddPod(2, captured: true);
        Plain = _network.AddPod(3, captured: false);
    }

    public TestPod Client { get; }

    public TestPod Server { get; }

    public TestPod Plain { get; }

    public Applications Applications { get; } = new();

    public RunningZtunnel Source { get; private set; } = null!;

    public RunningZtunnel Destination { get; private set; } = null!;

    /// <summary>A recording beside the tests.</summary>
    public static string Golden(string name) => Path.Combine(AppContext.BaseDirectory, "Golden", name);

    public static async Task<TwoNodes> StartAsync(string? mesh = null, int threads = 1, int answerSize = 0, string filter = "info")
    {
        var world = new TwoNodes();
        mesh ??= File.ReadAllText(Golden("ztunnel/state.yaml"));
        world.Source = await RunningZtunnel.StartAsync(RunningZtunnel.Configuration("na", world._sourceAgent.Path, mesh, threads), world._authority, filter);
        world.Destination = await RunningZtunnel.StartAsync(RunningZtunnel.Configuration("nb", world._destinationAgent.Path, mesh, threads), world._authority, filter);
        await world._sourceAgent.EnrolAsync(("u1", "client", world.Client));
        await world._destinationAgent.EnrolAsync(("u2", "server", world.Server));
        foreach (var pod in new[] { world.Server, world.Plain })
        {
            await world.Applications.ServeAsync(pod, 7001, client => Encoding.ASCII.GetBytes($"seen {client.Address}".PadRight(answerSize)));
        }

        return world;
    }

    /// <summary>A peer on Node's http2, with a certificate of this mesh's authority.</summary>
    public NodePeer StartPeer(TestPod pod, SpiffeId identity, string script, params string[] arguments) =>
        NodePeer.Start(pod, _authority, identity, script, arguments);

    /// <summary>The server's pod is deleted.</summary>
    public async Task RemoveServerAsync() => Assert.Equal(
        "", await _destinationAgent.AskAsync(new WorkloadRequest { Del = new DelWorkload { Uid = "u2" } }));

    public async ValueTask DisposeAsync()
    {
        try
        {
            await Applications.DisposeAsync();
            await Source.DisposeAsync();
            await Destination.DisposeAsync();
        }
        finally
        {
            _sourceAgent.Dispose();
            _destinationAgent.Dispose();
            _authority.Dispose();
            _network.Dispose();
        }
    }
}
