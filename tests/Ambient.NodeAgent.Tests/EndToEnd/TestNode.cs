using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Ambient.Linux;

namespace Ambient.NodeAgent.Tests.EndToEnd;

/// <summary>
/// A node: a network namespace with the agent's process in it, the folders that a node has, and a way to the API server, which
/// listens outside.
/// </summary>
internal sealed class TestNode : IAsyncDisposable
{
    private readonly TestNamespace _namespace = new();
    private readonly TestCluster _cluster;
    private readonly EventLoop _loop = EventLoop.Start("test node");
    private readonly StringBuilder _output = new();
    private Process? _agent;

    private readonly (string Name, string Value)[] _settings;

    private TestNode(TestCluster cluster, (string Name, string Value)[] settings)
    {
        _cluster = cluster;
        _settings = settings;
        Folder = Directory.CreateTempSubdirectory("node-").FullName;
        File.WriteAllText(Path.Combine(Folder, "kubeconfig"), cluster.Kubeconfig);
        Directory.CreateDirectory(Path.Combine(Folder, "net.d"));
        File.WriteAllText(
            Path.Combine(Folder, "net.d", "10-net.conflist"), """{"cniVersion":"1.0.0","name":"net","plugins":[{"type":"ptp"}]}""");
    }

    public string Name { get; } = $"node-{Guid.NewGuid():N}"[..12];

    public string Folder { get; }

    public string ZdsPath => Path.Combine(Folder, "ztunnel.sock");

    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    public static async Task<TestNode> StartAsync(TestCluster cluster, params (string Name, string Value)[] settings)
    {
        var node = new TestNode(cluster, settings);
        await node._loop.RunAsync(node.ForwardAsync);
        await node.StartAgentAsync();
        return node;
    }

    /// <summary>Starts the agent and waits until it is ready.</summary>
    public async Task StartAgentAsync()
    {
        var start = new ProcessStartInfo("nsenter", [$"--net={_namespace.Path}", Path.Combine(AppContext.BaseDirectory, "Ambient.NodeAgent")])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in new Dictionary<string, string>
        {
            ["NODE_NAME"] = Name,
            ["KUBECONFIG"] = Path.Combine(Folder, "kubeconfig"),
            ["CNI_AGENT_RUN_DIR"] = Path.Combine(Folder, "run"),
            ["ZTUNNEL_UDS_ADDRESS"] = ZdsPath,
            ["MOUNTED_CNI_NET_DIR"] = Path.Combine(Folder, "net.d"),
            ["MOUNTED_CNI_BIN_DIR"] = Path.Combine(Folder, "bin"),
            ["HOST_ROOT"] = "",
            ["HOST_PROC"] = "/proc",
            ["AMBIENT_VERIFY_INTERVAL_SECONDS"] = "1",
        })
        {
            start.Environment[name] = value;
        }

        foreach (var (name, value) in _settings)
        {
            start.Environment[name] = value;
        }

        _agent = Process.Start(start)!;
        _agent.OutputDataReceived += (_, line) => Append(line.Data);
        _agent.ErrorDataReceived += (_, line) => Append(line.Data);
        _agent.BeginOutputReadLine();
        _agent.BeginErrorReadLine();
        await Until(
            () => _agent.HasExited
                ? throw new InvalidOperationException($"The agent has ended with {_agent.ExitCode}:\n{Output}")
                : InNode("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:8000/readyz") == "200",
            "the agent is ready");
    }

    /// <summary>Ends the agent as a crash does.</summary>
    public async Task KillAgentAsync()
    {
        _agent!.Kill(entireProcessTree: true);
        await _agent.WaitForExitAsync();
    }

    /// <summary>Runs a tool in the node's namespace; what it prints, whatever its exit code.</summary>
    public string InNode(params string[] command)
    {
        using var process = Process.Start(
            new ProcessStartInfo("nsenter", [$"--net={_namespace.Path}", .. command]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output + error.Result;
    }

    /// <summary>A value of the agent's metrics.</summary>
    public double Metric(string series) => InNode("curl", "-s", "http://127.0.0.1:15014/metrics").Split('\n')
        .Where(line => line.StartsWith(series + " ", StringComparison.Ordinal))
        .Select(line => double.Parse(line[(series.Length + 1)..], System.Globalization.CultureInfo.InvariantCulture))
        .FirstOrDefault(double.NaN);

    /// <summary>Makes a sandbox for a pod and calls the plugin as a container runtime does.</summary>
    public async Task<(int Exit, JsonNode Result)> CallPluginAsync(string ns, string name, PodNamespace pod, string? path = null)
    {
        var list = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(Folder, "net.d", "10-net.conflist")))!;
        var entry = (JsonObject)list["plugins"]!.AsArray().Single(plugin => (string?)plugin!["type"] == "istio-cni")!.DeepClone();
        entry["cniVersion"] = "1.0.0";
        entry["name"] = "net";
        entry["prevResult"] = new JsonObject
        {
            ["cniVersion"] = "1.0.0",
            ["interfaces"] = new JsonArray(new JsonObject { ["name"] = "eth0", ["sandbox"] = pod.Path }),
            ["ips"] = new JsonArray([.. pod.Addresses.Select(address =>
                (JsonNode)new JsonObject { ["address"] = address + (address.Contains(':', StringComparison.Ordinal) ? "/64" : "/24"), ["interface"] = 0 })]),
        };
        var start = new ProcessStartInfo(Path.Combine(Folder, "bin", "istio-cni"))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            Environment =
            {
                ["CNI_COMMAND"] = "ADD",
                ["CNI_CONTAINERID"] = "c",
                ["CNI_NETNS"] = path ?? pod.Path,
                ["CNI_IFNAME"] = "eth0",
                ["CNI_PATH"] = Path.Combine(Folder, "bin"),
                ["CNI_ARGS"] = $"IgnoreUnknown=1;K8S_POD_NAMESPACE={ns};K8S_POD_NAME={name};K8S_POD_INFRA_CONTAINER_ID=c",
            },
        };
        using var plugin = Process.Start(start)!;
        await plugin.StandardInput.WriteAsync(entry.ToJsonString());
        plugin.StandardInput.Close();
        var output = await plugin.StandardOutput.ReadToEndAsync();
        await plugin.WaitForExitAsync();
        return (plugin.ExitCode, JsonNode.Parse(output)!);
    }

    public async ValueTask DisposeAsync()
    {
        if (_agent is { HasExited: false })
        {
            await KillAgentAsync();
        }

        _agent?.Dispose();
        await _loop.DisposeAsync();
        _namespace.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    public static async Task Until(Func<bool> condition, string what)
    {
        var watch = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(15), $"not within 15 s: {what}");
            await Task.Delay(30);
        }
    }

    public async Task UntilAsync(Func<Task<bool>> condition, string what)
    {
        var watch = Stopwatch.StartNew();
        while (!await condition())
        {
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(15), $"not within 15 s: {what}\n{Output}");
            await Task.Delay(30);
        }
    }

    private void Append(string? line)
    {
        lock (_output)
        {
            _output.AppendLine(line);
        }
    }

    /// <summary>What the agent sends to the API server's loopback address in its own namespace arrives outside.</summary>
    private Task ForwardAsync()
    {
        var listener = TcpSocket.Create(_loop, System.Net.Sockets.AddressFamily.InterNetwork, _namespace.Handle);
        listener.Bind(_cluster.EndPoint);
        listener.Listen(64);
        _ = AcceptAsync(listener);
        return Task.CompletedTask;
    }

    private async Task AcceptAsync(TcpSocket listener)
    {
        try
        {
            while (true)
            {
                _ = RelayAsync(await listener.AcceptAsync());
            }
        }
        catch (ObjectDisposedException)
        {
            // the loop ends
        }
    }

    private async Task RelayAsync(TcpSocket near)
    {
        using var far = TcpSocket.Create(_loop, System.Net.Sockets.AddressFamily.InterNetwork);
        using (near)
        {
            await far.ConnectAsync(_cluster.EndPoint, TimeSpan.FromSeconds(5));
            await Task.WhenAny(Splice.PumpAsync(near, far, new SpliceCounter()), Splice.PumpAsync(far, near, new SpliceCounter()));
        }
    }
}

/// <summary>A pod's namespace with the addresses that a first plugin would have given it.</summary>
internal sealed class PodNamespace : IDisposable
{
    private readonly TestNamespace _namespace = new();

    public PodNamespace(params string[] addresses)
    {
        Addresses = addresses;
        _namespace.Inside("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0-node");
        foreach (var address in addresses)
        {
            var v6 = IPAddress.Parse(address).AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6;
            _namespace.Inside("ip", "address", "add", address + (v6 ? "/64" : "/24"), "dev", "eth0");
        }

        _namespace.Inside("ip", "link", "set", "eth0", "up");
    }

    public string[] Addresses { get; }

    public string Path => _namespace.Path;

    public NamespaceId Id => _namespace.Handle.Id;

    public bool HasRules => Inside("nft", "list", "ruleset").Contains("istio-ambient-nat", StringComparison.Ordinal)
        && Inside("ip", "rule").Contains("0x111", StringComparison.Ordinal);

    public bool IsClean => !Inside("nft", "list", "ruleset").Contains("istio", StringComparison.Ordinal)
        && !Inside("ip", "rule").Contains("0x111", StringComparison.Ordinal)
        && !Inside("ip", "-6", "rule").Contains("0x111", StringComparison.Ordinal);

    public string Inside(params string[] command) => _namespace.Inside(command);

    public void Dispose() => _namespace.Dispose();
}
