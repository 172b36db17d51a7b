using System.Diagnostics;
using System.Net;
using Ambient.Linux;

namespace Ambient.Ztunnel.Tests.Support;

/// <summary>
/// Pods as network namespaces on one bridge, 10.203.0.N each, with the capture rules of the node agent where they are wanted. Names are
/// unique, so that test runs on one machine do not meet; everything is gone afterwards.
/// </summary>
internal sealed class TestNetwork : IDisposable
{
    private readonly string _prefix = $"zt{Random.Shared.Next(0x10000):x4}{Environment.ProcessId & 0xfff:x3}";
    private readonly List<string> _namespaces = [];
    private readonly List<NetworkNamespace> _opened = [];

    public TestNetwork()
    {
        Hub = Add("hub");
        Run($"ip -n {Hub} link add br0 type bridge");
        Run($"ip -n {Hub} link set br0 up");
    }

    public string Hub { get; }

    /// <summary>Makes a pod.</summary>
    public TestPod AddPod(int number, bool captured)
    {
        var name = Add($"p{number}");
        Run($"ip -n {Hub} link add v{number} type veth peer name eth0 netns {name}");
        Run($"ip -n {Hub} link set v{number} master br0 up");
        Run($"ip -n {name} addr add 10.203.0.{number}/24 dev eth0");
        Run($"ip -n {name} link set lo up");
        Run($"ip -n {name} link set eth0 up");
        Run($"ip -n {name} route add default via 10.203.0.254 dev eth0");
        if (captured)
        {
            Run($"ip -n {name} rule add fwmark 0x111/0xfff pref 32764 lookup 100");
            Run($"ip -n {name} route add local 0.0.0.0/0 dev lo table 100");
            Run($"ip netns exec {name} nft -f -", CaptureRules);
        }

        var space = NetworkNamespace.Open($"/var/run/netns/{name}");
        _opened.Add(space);
        return new TestPod(name, IPAddress.Parse($"10.203.0.{number}"), space);
    }

    /// <summary>TCP ports that are listened on in a namespace.</summary>
    public static IReadOnlyList<int> ListeningPorts(TestPod pod) =>
        [.. Run($"ip netns exec {pod.Name} cat /proc/net/tcp /proc/net/tcp6").Split('\n')
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(fields => fields.Length > 3 && fields[3] == "0A")
            .Select(fields => Convert.ToInt32(fields[1].Split(':')[1], 16))
            .Distinct().Order()];

    public void Dispose()
    {
        _opened.ForEach(space => space.Dispose());
        foreach (var name in _namespaces)
        {
            Run($"ip netns del {name}");
        }
    }

    private string Add(string suffix)
    {
        var name = _prefix + suffix;
        Run($"ip netns add {name}");
        _namespaces.Add(name);
        return name;
    }

    /// <summary>Changes rules within a pod.</summary>
    public static void Rules(TestPod pod, string script) => Run($"ip netns exec {pod.Name} nft -f -", script);

    private static string Run(string command, string? input = null)
    {
        var words = command.Split(' ');
        var start = new ProcessStartInfo(words[0], words[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PATH"] += ":/usr/sbin:/sbin";
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        if (input is not null)
        {
            process.StandardInput.Write(input);
        }

        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEnd();
        Assert.True(process.WaitForExit(10_000), $"{command} hangs");
        Assert.True(process.ExitCode == 0, $"{command}: {error.Result}");
        return output;
    }

    /// <summary>What the node agent installs, IPv4 and without DNS.</summary>
    private const string CaptureRules = """
        table ip ambient {
          chain prerouting {
            type nat hook prerouting priority dstnat;
            ip daddr != 127.0.0.1 tcp dport != 15008 meta mark & 0xfff != 0x539 redirect to :15006
          }
          chain output {
            type nat hook output priority -100;
            meta l4proto tcp meta mark & 0xfff == 0x111 accept
            oifname "lo" ip daddr != 127.0.0.1 accept
            meta l4proto tcp ip daddr != 127.0.0.1 meta mark & 0xfff != 0x539 redirect to :15001
          }
          chain mark_in {
            type filter hook prerouting priority mangle;
            meta mark & 0xfff == 0x539 ct mark set ct mark & 0xfffff111 | 0x111
          }
          chain mark_out {
            type route hook output priority mangle;
            meta mark & 0xfff != 0x539 ct mark & 0xfff == 0x111 meta mark set ct mark
          }
        }

        """;
}

/// <summary>A pod of a test.</summary>
internal sealed record TestPod(string Name, IPAddress Address, NetworkNamespace Space);
