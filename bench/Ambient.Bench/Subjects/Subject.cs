using System.Diagnostics;
using System.Globalization;
using System.Text;
using Ambient.Bench.Load;
using Ambient.Linux;

namespace Ambient.Bench.Subjects;

/// <summary>
/// A way from a client to a server: two network namespaces joined by a veth pair, a sink in the second, and whatever proxies stand
/// between. Each has its own, so that all run at the same time and idle ones cost nothing.
/// </summary>
internal abstract class Subject(string name, int number) : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly List<(Process Process, StringBuilder Output)> _processes = [];
    private readonly List<int> _proxies = [];

    /// <summary>As the tables name it.</summary>
    public string Name { get; } = name;

    /// <summary>Processor time and memory are these processes'.</summary>
    public IReadOnlyList<int> Proxies => _proxies;

    protected string ClientSpace { get; } = $"abench-{Environment.ProcessId}-{number}c";

    protected string ServerSpace { get; } = $"abench-{Environment.ProcessId}-{number}s";

    protected string ClientAddress { get; } = $"10.219.{number}.1";

    protected string ServerAddress { get; } = $"10.219.{number}.2";

    /// <summary>Builds the namespaces, starts sink and proxies, and waits until a connection gets through.</summary>
    public async Task StartAsync()
    {
        foreach (var space in new[] { ClientSpace, ServerSpace })
        {
            await Children.RunAsync("ip", "netns", "add", space);
            await Children.RunAsync("ip", "-n", space, "link", "set", "lo", "up");
        }

        await Children.RunAsync("ip", "-n", ClientSpace, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", ServerSpace);
        foreach (var (space, address) in new[] { (ClientSpace, ClientAddress), (ServerSpace, ServerAddress) })
        {
            await Children.RunAsync("ip", "-n", space, "addr", "add", $"{address}/24", "dev", "eth0");
            await Children.RunAsync("ip", "-n", space, "link", "set", "eth0", "up");
            await Children.RunAsync("ip", "-n", space, "route", "add", "default", "dev", "eth0");
            // The same for all subjects, and none that paces: bbr, many hosts' default, halves what a local link carries.
            using var handle = NetworkNamespace.Open($"/var/run/netns/{space}");
            handle.WriteText("/proc/sys/net/ipv4/tcp_congestion_control", "cubic");
            handle.WriteText("/proc/sys/net/ipv4/ip_local_port_range", "10240 65000");
        }

        Run(ServerSpace, null, Children.Self, "sink");
        await StartProxiesAsync();
        await WaitUntilItWorksAsync();
    }

    /// <summary>Puts one load on it and returns what the client measured and what the proxies used.</summary>
    public async Task<Sample> MeasureAsync(LoadShape load, double seconds)
    {
        var before = Proxies.Sum(pid => Children.ProcessorTime(pid).TotalSeconds);
        var figures = await LoadAsync(load, seconds);
        var used = Proxies.Sum(pid => Children.ProcessorTime(pid).TotalSeconds) - before;
        return new Sample(figures, used, Proxies.Sum(Children.Resident));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var (process, _) in _processes)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            process.Dispose();
        }

        foreach (var space in new[] { ClientSpace, ServerSpace }.Where(space => File.Exists($"/var/run/netns/{space}")))
        {
            await Children.RunAsync("ip", "netns", "delete", space);
        }
    }

    /// <summary>Starts what stands between; nothing for a direct way.</summary>
    protected abstract Task StartProxiesAsync();

    protected void Run(string space, IReadOnlyDictionary<string, string>? environment, string program, params string[] arguments)
    {
        var process = Children.Start(space, environment, program, arguments);
        _processes.Add((process, Children.Drain(process)));
    }

    /// <summary>As <see cref="Run"/>; its processor time and memory count.</summary>
    protected void RunProxy(string space, IReadOnlyDictionary<string, string>? environment, string program, params string[] arguments)
    {
        Run(space, environment, program, arguments);
        _proxies.Add(_processes[^1].Process.Id);
    }

    private async Task<LoadFigures> LoadAsync(LoadShape load, double seconds)
    {
        using var process = Children.Start(
            ClientSpace, null, Children.Self, "load", load.Kind,
            load.Connections.ToString(CultureInfo.InvariantCulture), load.MessageSize.ToString(CultureInfo.InvariantCulture),
            seconds.ToString(CultureInfo.InvariantCulture), ServerAddress);
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(seconds) + Patience);
        return process.ExitCode == 0
            ? System.Text.Json.JsonSerializer.Deserialize<LoadFigures>(await output)!
            : throw new InvalidOperationException($"{Name}, {load.Title}: {await error}\n{Complaints()}");
    }

    private async Task WaitUntilItWorksAsync()
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                await LoadAsync(new LoadShape("", "pingpong", 1, 1), 0.05);
                return;
            }
            catch (InvalidOperationException) when (watch.Elapsed < Patience)
            {
                // its proxies are still starting
            }
        }
    }

    private string Complaints() => string.Join('\n', _processes.Select(child =>
    {
        lock (child.Output)
        {
            return child.Output.ToString();
        }
    }));
}

/// <summary>One kind of load.</summary>
internal sealed record LoadShape(string Title, string Kind, int Connections, int MessageSize);

/// <summary>One measurement.</summary>
/// <param name="Figures">What the client measured.</param>
/// <param name="ProcessorSeconds">What the proxies used.</param>
/// <param name="Resident">Their memory afterwards, bytes.</param>
internal sealed record Sample(LoadFigures Figures, double ProcessorSeconds, long Resident);
