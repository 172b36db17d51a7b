using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Ambient.NodeAgent.Cni;

/// <summary>
/// The last plugin of the chain, run by the container runtime for each pod before its containers start: it asks the agent, and a pod
/// of which the agent cannot say that it is captured, or need not be, does not start.
/// </summary>
internal sealed class CniPlugin(Func<string, string?> environment, Stream input, TextWriter output)
{
    /// <summary>The agent's own steps are bounded by less; the runtime tries again with a new sandbox.</summary>
    private static readonly TimeSpan AgentDeadline = TimeSpan.FromSeconds(30);

    /// <summary>CNI specification §5: 11, "try again later"; from 100 on, the plugin's own.</summary>
    private const int TryAgainLater = 11;
    private const int InvalidEnvironment = 4;
    private const int InvalidConfiguration = 7;
    private const int UnsupportedVerb = 100;

    /// <summary>Runs the verb of CNI_COMMAND and returns the exit code.</summary>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        switch (environment("CNI_COMMAND"))
        {
            case "VERSION":
                await output.WriteLineAsync(JsonSerializer.Serialize(new CniVersions(), CniJson.Default.CniVersions));
                return 0;
            case "DEL" or "CHECK" or "GC" or "STATUS":
                // Pods leave the mesh when their deletion is seen; there is nothing to undo in a namespace that goes.
                return 0;
            case "ADD":
                return await AddAsync(cancellation);
            case var other:
                return await FailAsync(UnsupportedVerb, $"CNI_COMMAND is '{other}', not ADD, DEL, CHECK, GC, STATUS or VERSION", "1.0.0");
        }
    }

    private async Task<int> AddAsync(CancellationToken cancellation)
    {
        CniConfiguration configuration;
        try
        {
            configuration = await JsonSerializer.DeserializeAsync(input, CniJson.Default.CniConfiguration, cancellation)
                ?? throw new JsonException("the configuration is null");
        }
        catch (JsonException failure)
        {
            return await FailAsync(InvalidConfiguration, $"The network configuration on standard input cannot be read: {failure.Message}", "1.0.0");
        }

        var arguments = ReadArguments(environment("CNI_ARGS"));
        var name = arguments.GetValueOrDefault("K8S_POD_NAME");
        var ns = arguments.GetValueOrDefault("K8S_POD_NAMESPACE");
        if (string.IsNullOrEmpty(name) || string.IsNullOrEmpty(ns) || !configuration.AmbientEnabled)
        {
            return await SucceedAsync(configuration); // no pod of Kubernetes, or not our mode
        }

        // The agent must be able to start without itself.
        var isAgent = ns == configuration.AgentNamespace && name.StartsWith("istio-cni-node-", StringComparison.Ordinal);
        if (isAgent || configuration.ExcludeNamespaces?.Contains(ns) == true)
        {
            return await SucceedAsync(configuration);
        }

        if (environment("CNI_NETNS") is not { Length: > 0 } netns)
        {
            return await FailAsync(InvalidEnvironment, "CNI_NETNS is empty: the pod has no network namespace to capture", configuration.CniVersion);
        }

        var request = new CniAddRequest { Netns = netns, PodName = name, PodNamespace = ns, IPs = ReadAddresses(configuration.PrevResult) };
        var refusal = await AskAgentAsync(configuration.AgentRunFolder ?? "/var/run/istio-cni", request, cancellation);
        return refusal is null
            ? await SucceedAsync(configuration)
            : await FailAsync(TryAgainLater, refusal, configuration.CniVersion);
    }

    /// <summary>Null where the agent has captured the pod or need not; otherwise why the pod must not start.</summary>
    private static async Task<string?> AskAgentAsync(string folder, CniAddRequest request, CancellationToken cancellation)
    {
        var socketPath = Path.Combine(folder, PluginListener.SocketName);
        using var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, token) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), token);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        using var client = new HttpClient(handler) { Timeout = AgentDeadline };
        try
        {
            using var body = new StringContent(
                JsonSerializer.Serialize(request, CniAgentJson.Default.CniAddRequest), Encoding.UTF8, "application/json");
            using var response = await client.PostAsync(new Uri("http://agent/cmdadd"), body, cancellation);
            return response.StatusCode == HttpStatusCode.OK
                ? null
                : $"The node agent did not capture pod {request.PodNamespace}/{request.PodName}: {await response.Content.ReadAsStringAsync(cancellation)}";
        }
        catch (Exception failure) when (failure is HttpRequestException or OperationCanceledException or IOException)
        {
            return $"The node agent does not answer on {socketPath} ({failure.Message}); "
                + $"pod {request.PodNamespace}/{request.PodName} waits until it runs.";
        }
    }

    private async Task<int> SucceedAsync(CniConfiguration configuration)
    {
        var result = configuration.PrevResult ?? new JsonObject { ["cniVersion"] = configuration.CniVersion };
        await output.WriteLineAsync(result.ToJsonString());
        return 0;
    }

    private async Task<int> FailAsync(int code, string message, string version)
    {
        var error = new CniError { CniVersion = version, Code = code, Msg = message };
        await output.WriteLineAsync(JsonSerializer.Serialize(error, CniJson.Default.CniError));
        return 1;
    }

    /// <summary>K8S_POD_NAME=a;K8S_POD_NAMESPACE=b;…</summary>
    private static Dictionary<string, string> ReadArguments(string? arguments) =>
        (arguments ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries)
            .Select(argument => argument.Split('=', 2))
            .Where(pair => pair.Length == 2)
            .GroupBy(pair => pair[0], StringComparer.Ordinal)
            .ToDictionary(group => group.Key, group => group.Last()[1], StringComparer.Ordinal);

    /// <summary>The addresses of a result: <c>ips[].address</c> as CIDR (since 0.3.0), or <c>ip4.ip</c> and <c>ip6.ip</c> before.</summary>
    private static List<CniAddress> ReadAddresses(JsonObject? result)
    {
        var entries = result?["ips"] is JsonArray list
            ? list.OfType<JsonObject>().Select(ip => ((string?)ip["address"], (int?)ip["interface"], (string?)ip["gateway"]))
            : new[] { "ip4", "ip6" }.Select(family => ((string?)result?[family]?["ip"], (int?)null, (string?)result?[family]?["gateway"]));
        var addresses = new List<CniAddress>();
        foreach (var (cidr, @interface, gateway) in entries)
        {
            if (cidr is not null && IPNetwork.TryParse(MaskedOf(cidr), out var network))
            {
                addresses.Add(new CniAddress
                {
                    Interface = @interface,
                    Gateway = gateway ?? "",
                    Address = new CniNetwork { IP = cidr.Split('/')[0], Mask = Convert.ToBase64String(MaskBytes(network)) },
                });
            }
        }

        return addresses;
    }

    /// <summary>IPNetwork takes only networks whose host bits are zero; an interface's address has them set.</summary>
    private static string MaskedOf(string cidr)
    {
        if (cidr.Split('/') is not [var address, var length] || !IPAddress.TryParse(address, out var ip) || !int.TryParse(length, out var bits))
        {
            return cidr;
        }

        var bytes = ip.GetAddressBytes();
        for (var bit = bits; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] &= (byte)~(0x80 >> (bit % 8));
        }

        return $"{new IPAddress(bytes)}/{bits}";
    }

    private static byte[] MaskBytes(IPNetwork network)
    {
        var mask = new byte[network.BaseAddress.GetAddressBytes().Length];
        for (var bit = 0; bit < network.PrefixLength; bit++)
        {
            mask[bit / 8] |= (byte)(0x80 >> (bit % 8));
        }

        return mask;
    }
}
