using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Ambient.Sandbox.Processes;

namespace Ambient.Sandbox.Cni;

/// <summary>
/// The sandbox's first CNI plugin: a veth pair between pod and node, addresses from the node's ranges, a default route through the node.
/// It runs as its own program, in the node's namespace, called as a container runtime calls any plugin.
/// </summary>
public static class PtpPlugin
{
    /// <summary>The plugin's name in configurations and in the plugin folder.</summary>
    public const string Type = "ambient-ptp";

    /// <summary>Error codes of the specification: 4 invalid environment, 6 undecodable configuration; 100 and above are a plugin's own.</summary>
    private const int InvalidEnvironment = 4;
    private const int Undecodable = 6;
    private const int Failed = 100;

    /// <summary>Answers one call: configuration on standard input, the rest in CNI_* variables, the result on standard output.</summary>
    public static async Task<int> RunAsync(TextReader input, TextWriter output, CancellationToken ct)
    {
        var command = Environment.GetEnvironmentVariable("CNI_COMMAND");
        try
        {
            if (command == "VERSION")
            {
                await output.WriteLineAsync("""{"cniVersion":"1.0.0","supportedVersions":["0.3.0","0.3.1","0.4.0","1.0.0"]}""");
                return 0;
            }

            var configuration = JsonSerializer.Deserialize(await input.ReadToEndAsync(ct), CniJson.Default.PtpConfiguration)
                ?? throw new JsonException("it is null");
            switch (command)
            {
                case "ADD":
                    var result = await AddAsync(configuration, Variable("CNI_CONTAINERID"), Variable("CNI_NETNS"), Variable("CNI_IFNAME"), ct);
                    await output.WriteLineAsync(JsonSerializer.Serialize(result, CniJson.Default.CniResult));
                    return 0;
                case "DEL":
                    await DeleteAsync(configuration, Variable("CNI_CONTAINERID"), ct);
                    return 0;
                case "CHECK":
                    return 0;
                default:
                    return await RefuseAsync(output, InvalidEnvironment, $"CNI_COMMAND is '{command}'; it has to be ADD, DEL, CHECK or VERSION.");
            }
        }
        catch (JsonException e)
        {
            return await RefuseAsync(output, Undecodable, $"The configuration on standard input cannot be read: {e.Message}");
        }
        catch (ArgumentException e)
        {
            return await RefuseAsync(output, InvalidEnvironment, e.Message);
        }
        catch (Exception e) when (e is IOException or SandboxException or FormatException)
        {
            return await RefuseAsync(output, Failed, e.Message);
        }
    }

    private static async Task<CniResult> AddAsync(PtpConfiguration configuration, string container, string netns, string name, CancellationToken ct)
    {
        var ranges = configuration.Ranges.Select(IPNetwork.Parse).ToArray();
        var pool = new NodeAddressPool(configuration.DataDir);
        var addresses = await pool.TakeAsync(container, ranges, ct);
        var link = NodeLink(container);
        try
        {
            await ConnectAsync(link, netns, name, addresses, configuration.Gateways, ct);
        }
        catch (CommandException)
        {
            await pool.GiveBackAsync(container, ct);
            throw;
        }

        return new CniResult
        {
            CniVersion = configuration.CniVersion,
            Interfaces = [new CniInterface(link, null, null), new CniInterface(name, null, netns)],
            Ips = [.. addresses.Zip(configuration.Gateways, (address, gateway) => new CniAddress($"{address}/{Bits(address)}", gateway, 1))],
            Routes = [.. addresses.Zip(configuration.Gateways, (address, gateway) => new CniRoute(Bits(address) == 32 ? "0.0.0.0/0" : "::/0", gateway))],
        };
    }

    private static async Task ConnectAsync(
        string link, string netns, string name, IReadOnlyList<IPAddress> addresses, IReadOnlyList<string> gateways, CancellationToken ct)
    {
        var node = new StringBuilder($"ip link add {link} type veth peer name {name} netns {netns}\n");
        var pod = new StringBuilder($"ip link set {name} up\n");
        foreach (var (address, gateway) in addresses.Zip(gateways))
        {
            var family = Bits(address) == 32 ? "-4" : "-6";
            var options = family == "-6" ? "nodad" : "";
            node.AppendLine($"ip {family} addr add {gateway}/{Bits(address)} dev {link} {options}");
            pod.AppendLine($"ip {family} addr add {address}/{Bits(address)} dev {name} {options}");
            pod.AppendLine($"ip {family} route add {gateway} dev {name}");
            pod.AppendLine($"ip {family} route add default via {gateway} dev {name}");
        }

        node.AppendLine($"ip link set {link} up");
        node.AppendLine($"echo 0 > /proc/sys/net/ipv4/conf/{link}/rp_filter");
        foreach (var address in addresses)
        {
            node.AppendLine($"ip route add {address}/{Bits(address)} dev {link}");
        }

        try
        {
            await Command.ScriptAsync(node.ToString(), ct);
            await Command.RunAsync("nsenter", [$"--net={netns}", "/bin/sh", "-e"], pod.ToString(), null, ct);
        }
        catch (CommandException)
        {
            await Command.TryRunAsync("ip", ["link", "delete", link], ct: ct);
            throw;
        }
    }

    private static async Task DeleteAsync(PtpConfiguration configuration, string container, CancellationToken ct)
    {
        // The link goes with the pod's namespace; a runtime may also call DEL while the namespace lives, or twice.
        await Command.TryRunAsync("ip", ["link", "delete", NodeLink(container)], ct: ct);
        await new NodeAddressPool(configuration.DataDir).GiveBackAsync(container, ct);
    }

    /// <summary>The node's end of a pod's pair; link names hold 15 bytes.</summary>
    private static string NodeLink(string container) =>
        "veth" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(container)))[..8];

    private static int Bits(IPAddress address) => address.GetAddressBytes().Length * 8;

    private static string Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value
        ? value
        : throw new ArgumentException($"{name} is not set.");

    private static async Task<int> RefuseAsync(TextWriter output, int code, string message)
    {
        await output.WriteLineAsync(JsonSerializer.Serialize(new CniError("1.0.0", code, message, null), CniJson.Default.CniError));
        return 1;
    }
}
