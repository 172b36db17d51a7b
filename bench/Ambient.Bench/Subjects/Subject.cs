using System.Diagnostics;
using Ambient.Bench.Load;
using Ambient.Linux;

namespace Ambient.Bench.Subjects;

/// <summary>
/// A way from a client to a server: two network namespaces joined by a veth pair, a sink in the second, and whatever proxies stand
/// between. Each has its own, so that all run at the same time and idle ones cost nothing.
/// </summary>
internal abstract class Subject(SubjectEntry entry, Surroundings surroundings) : IAsyncDisposable
{
    /// <summary>Connections of the first load; gRPC has eight calls on each.</summary>
    private const int Trial = 8;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly List<(Process Process, string Log)> _processes = [];
    private readonly List<int> _proxies = [];
    private readonly List<Launch> _launches = [];
    private readonly List<string> _spaces = [];
    private ClientProcess? _client;

    /// <summary>As the tables name it.</summary>
    public string Name => entry.Name;

    /// <summary>What it is.</summary>
    public SubjectEntry Entry => entry;

    /// <summary>Processor time and memory are these processes', workers included.</summary>
    public IReadOnlyList<int> Proxies => [.. _proxies.SelectMany(ProcessFigures.WithChildren)];

    /// <summary>How its proxies were started, in order.</summary>
    public IReadOnlyList<Launch> Launches => _launches;

    /// <summary>Its network namespaces.</summary>
    public IReadOnlyList<string> Spaces => _spaces;

    /// <summary>The generator of this subject's loads.</summary>
    public ClientProcess Client => _client ?? throw new InvalidOperationException($"{Name} has not been started.");

    protected Surroundings Surroundings { get; } = surroundings;

    protected string ClientSpace => Space("c");

    protected string ServerSpace => Space("s");

    protected string ClientAddress => $"10.219.{entry.Number}.1";

    protected string ServerAddress => $"10.219.{entry.Number}.2";

    /// <summary>Where the client connects to: addresses with ports, in turn.</summary>
    protected virtual IEnumerable<string> Targets => [$"{ServerAddress}:{Sink.Port}"];

    /// <summary>Builds the namespaces, starts sink, proxies and client, and waits until a connection gets through.</summary>
    public async Task StartAsync()
    {
        await AddSpaceAsync(ClientSpace);
        await AddSpaceAsync(ServerSpace);
        await Children.RunAsync("ip", "-n", ClientSpace, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", ServerSpace);
        foreach (var (space, address) in new[] { (ClientSpace, ClientAddress), (ServerSpace, ServerAddress) })
        {
            await Children.RunAsync("ip", "-n", space, "addr", "add", $"{address}/24", "dev", "eth0");
            await Children.RunAsync("ip", "-n", space, "link", "set", "eth0", "up");
            await Children.RunAsync("ip", "-n", space, "route", "add", "default", "dev", "eth0");
        }

        Run(ServerSpace, null, "sink", Children.Self, "sink");
        await StartProxiesAsync();
        _client = new ClientProcess(ClientSpace, Targets);
        await WaitUntilItWorksAsync();
    }

    /// <summary>Does a load, and returns what client and kernel measured.</summary>
    public async Task<Sample> MeasureAsync(LoadRequest load, bool pinned)
    {
        var proxies = Proxies;
        int[] all = [.. proxies, _client!.Process, .. _processes.Select(child => child.Process.Id)];
        try
        {
            if (pinned)
            {
                ProcessFigures.Pin(all, core: 0);
            }

            return new Sample(await AskAsync(load with { Processes = [.. proxies] }), ProcessFigures.Resident(proxies));
        }
        finally
        {
            if (pinned)
            {
                ProcessFigures.Pin(all, core: null);
            }
        }
    }

    /// <summary>Asks the client for something.</summary>
    /// <exception cref="InvalidOperationException">It failed; the message holds what the subject's processes have said.</exception>
    public async Task<LoadFigures> AskAsync(LoadRequest load)
    {
        try
        {
            return await Client.AskAsync(load);
        }
        catch (InvalidOperationException failure)
        {
            throw new InvalidOperationException($"{Name}, {load.Kind}: {failure.Message}\n{Complaints()}");
        }
    }

    public virtual async ValueTask DisposeAsync()
    {
        if (_client is not null)
        {
            await _client.DisposeAsync();
        }

        foreach (var (process, _) in _processes)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            process.Dispose();
        }

        foreach (var space in _spaces.Where(space => File.Exists($"/var/run/netns/{space}")))
        {
            await Children.RunAsync("ip", "netns", "delete", space);
        }
    }

    /// <summary>Starts what stands between; nothing for a direct way.</summary>
    protected abstract Task StartProxiesAsync();

    /// <summary>The name of a namespace of this subject.</summary>
    protected string Space(string suffix) => $"{Leftovers.Prefix}{entry.Number}{suffix}";

    /// <summary>Adds a namespace; it goes with the subject.</summary>
    protected async Task AddSpaceAsync(string space)
    {
        _spaces.Add(space);
        await Children.RunAsync("ip", "netns", "add", space);
        await Children.RunAsync("ip", "-n", space, "link", "set", "lo", "up");
        using var handle = NetworkNamespace.Open($"/var/run/netns/{space}");
        NamespaceSettings.Apply(handle);
    }

    protected void Run(string space, IReadOnlyDictionary<string, string>? environment, string name, string program, params string[] arguments)
    {
        var log = Surroundings.File($"{entry.Name}-{name}.log");
        _processes.Add((Children.StartLogging(space, environment, log, program, arguments), log));
    }

    /// <summary>As <see cref="Run"/>; its processor time and memory count.</summary>
    protected void RunProxy(string space, string name, Launch launch)
    {
        Run(space, launch.Environment, name, launch.Program, launch.Arguments);
        _proxies.Add(_processes[^1].Process.Id);
        _launches.Add(launch);
    }

    private async Task WaitUntilItWorksAsync()
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                await AskAsync(new LoadRequest { Kind = entry.Trial, Connections = Trial, Seconds = 0.05 });
                return;
            }
            catch (InvalidOperationException) when (watch.Elapsed < Patience)
            {
                // its proxies are still starting
                await Task.Delay(50);
            }
        }
    }

    /// <summary>The last of what each process has printed.</summary>
    private string Complaints() => string.Join('\n', _processes.Select(child =>
        string.Join('\n', File.ReadLines(child.Log).TakeLast(20).Prepend($"--- {Path.GetFileName(child.Log)}"))));
}

/// <summary>One measurement.</summary>
/// <param name="Figures">What the client measured.</param>
/// <param name="Resident">The proxies' memory afterwards, bytes.</param>
internal sealed record Sample(LoadFigures Figures, long Resident);
