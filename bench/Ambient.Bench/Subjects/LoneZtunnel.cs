using System.Diagnostics;
using Ambient.Linux;

namespace Ambient.Bench.Subjects;

/// <summary>One ztunnel on a node of its own, with a control plane that knows so many workloads. Nobody sends anything through it.</summary>
internal sealed class LoneZtunnel : IAsyncDisposable
{
    private readonly string _space;
    private readonly List<Process> _processes = [];

    private LoneZtunnel(string space, ZtunnelNode node)
    {
        _space = space;
        Node = node;
    }

    /// <summary>Hands pods over to it.</summary>
    public ZtunnelNode Node { get; }

    /// <summary>Resident memory, bytes.</summary>
    public long Resident => ProcessFigures.Resident([_processes[^1].Id]);

    /// <summary>Starts all of it and waits until ztunnel is ready.</summary>
    public static async Task<LoneZtunnel> StartAsync(Surroundings surroundings, int workloads)
    {
        var space = $"{Leftovers.Prefix}lone";
        await Children.RunAsync("ip", "netns", "add", space);
        await Children.RunAsync("ip", "-n", space, "link", "set", "lo", "up");
        var lone = new LoneZtunnel(space, new ZtunnelNode(MeshServer.Node, surroundings));
        try
        {
            void Start(string name, Launch launch) => lone._processes.Add(
                Children.StartLogging(space, launch.Environment, surroundings.File($"lone-{name}.log"), launch.Program, launch.Arguments));
            Start("ca", new Launch(Children.Self, ["ca", surroundings.Folder], "", CertificateAuthority.Port));
            Start("mesh", new Launch(Children.Self, ["mesh", workloads.ToString(System.Globalization.CultureInfo.InvariantCulture)], "", MeshServer.Port));
            using var probe = new Probe(space);
            await probe.UntilListeningAsync(MeshServer.Port);
            var launch = lone.Node.Launch(("XDS_ADDRESS", $"http://127.0.0.1:{MeshServer.Port}"));
            Start("ztunnel", launch);
            await probe.UntilReadyAsync(launch);
            return lone;
        }
        catch
        {
            await lone.DisposeAsync();
            throw;
        }
    }

    /// <summary>Reads one of ztunnel's own pages.</summary>
    public async Task<string> ReadPageAsync(int port, string page)
    {
        using var probe = new Probe(_space);
        return await probe.GetAsync(port, page);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _processes)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            process.Dispose();
        }

        await Node.DisposeAsync();
        await Children.RunAsync("ip", "netns", "delete", _space);
    }
}
