using System.Text.Json;
using System.Text.Json.Nodes;
using Ambient.Sandbox.Processes;

namespace Ambient.Sandbox.Cni;

/// <summary>The pod that a chain is run for.</summary>
internal sealed record CniPod(string Namespace, string Name, string Uid, string ContainerId, string NetworkNamespace);

/// <summary>
/// Runs a node's plugins as a container runtime does (CNI specification, section 3): the first configuration by name, each plugin in the
/// node's namespace with the result of the one before it, backwards on removal.
/// </summary>
internal sealed class CniChain(string configurationFolder, string pluginFolder, string nodeNamespace)
{
    /// <summary>An enrolling plugin waits for its agent, which waits for ztunnel; kubelets give a sandbox four minutes, a demo does not.</summary>
    private static readonly TimeSpan LongestCall = TimeSpan.FromSeconds(20);

    /// <summary>The plugin types of the configuration in force, in order; empty without one.</summary>
    public IReadOnlyList<string> PluginTypes()
    {
        try
        {
            return [.. Load().Plugins.Select(TypeOf)];
        }
        catch (Exception e) when (e is SandboxException or IOException or JsonException)
        {
            return [];
        }
    }

    /// <summary>Connects a pod; returns its addresses in the order that the plugins gave them.</summary>
    /// <exception cref="CommandException">A plugin refused; what the plugins before it made has been taken away.</exception>
    public async Task<IReadOnlyList<string>> AddAsync(CniPod pod, CancellationToken ct)
    {
        var list = Load();
        JsonNode? previous = null;
        foreach (var plugin in list.Plugins)
        {
            try
            {
                previous = JsonNode.Parse(await CallAsync("ADD", list, plugin, previous, pod, ct));
            }
            catch (Exception e) when (e is CommandException or JsonException)
            {
                await DeleteAsync(pod, ct);
                throw new CommandException(e.Message);
            }
        }

        var result = previous?.Deserialize(CniJson.Default.CniResult);
        return [.. (result?.Ips ?? []).Select(ip => ip.Address.Split('/')[0])];
    }

    /// <summary>Disconnects a pod. Every plugin gets its call even if one before it failed.</summary>
    public async Task DeleteAsync(CniPod pod, CancellationToken ct)
    {
        var list = Load();
        var failures = new List<string>();
        foreach (var plugin in list.Plugins.Reverse())
        {
            try
            {
                await CallAsync("DEL", list, plugin, null, pod, ct);
            }
            catch (CommandException e)
            {
                failures.Add(e.Message);
            }
        }

        if (failures.Count > 0)
        {
            throw new CommandException(string.Join("; ", failures));
        }
    }

    private async Task<string> CallAsync(string command, NetworkList list, JsonObject plugin, JsonNode? previous, CniPod pod, CancellationToken ct)
    {
        var type = TypeOf(plugin);
        var configuration = plugin.DeepClone().AsObject();
        configuration["name"] = list.Name;
        configuration["cniVersion"] = list.CniVersion;
        if (previous is not null)
        {
            configuration["prevResult"] = previous.DeepClone();
        }

        var environment = new Dictionary<string, string>
        {
            ["CNI_COMMAND"] = command,
            ["CNI_CONTAINERID"] = pod.ContainerId,
            ["CNI_NETNS"] = pod.NetworkNamespace,
            ["CNI_IFNAME"] = "eth0",
            ["CNI_PATH"] = pluginFolder,
            ["CNI_ARGS"] = $"IgnoreUnknown=1;K8S_POD_NAMESPACE={pod.Namespace};K8S_POD_NAME={pod.Name};K8S_POD_INFRA_CONTAINER_ID={pod.ContainerId};K8S_POD_UID={pod.Uid}",
        };
        var result = await Command.TryRunAsync(
            "nsenter",
            [$"--net={Names.NamespacePath(nodeNamespace)}", Path.Combine(pluginFolder, type)],
            configuration.ToJsonString(), environment, LongestCall, ct);
        return result.ExitCode == 0
            ? result.Output
            : throw new CommandException($"CNI plugin {type} refused {command} of pod {pod.Namespace}/{pod.Name}: {Reason(result)}");
    }

    private NetworkList Load()
    {
        var file = Directory.Exists(configurationFolder)
            ? Directory.GetFiles(configurationFolder).Where(IsConfiguration).Order(StringComparer.Ordinal).FirstOrDefault()
            : null;
        if (file is null)
        {
            throw new SandboxException($"No CNI configuration in {configurationFolder}.");
        }

        return JsonSerializer.Deserialize(File.ReadAllText(file), CniJson.Default.NetworkList)
            ?? throw new JsonException($"{file} is null");
    }

    private static bool IsConfiguration(string file) => Path.GetExtension(file) is ".conflist";

    private static string TypeOf(JsonObject plugin) => (string?)plugin["type"] ?? "";

    private static string Reason(CommandResult result)
    {
        try
        {
            return JsonSerializer.Deserialize(result.Output, CniJson.Default.CniError)?.Msg ?? Command.Said(result);
        }
        catch (JsonException)
        {
            return Command.Said(result);
        }
    }
}
