using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;

namespace Ambient.NodeAgent.Cni;

/// <summary>
/// Puts the plugin into the node's CNI folders and keeps it there: the program, and our entry as the last of the chain that the
/// kubelet uses. Other software rewrites these files; each change of the folder is looked at.
/// </summary>
internal sealed class CniInstaller(AgentConfiguration configuration, AgentMetrics metrics, TimeProvider time, ILogger<CniInstaller> logger)
{
    /// <summary>Two that both want the last word would fight at this pace and no faster.</summary>
    private static readonly TimeSpan BetweenPasses = TimeSpan.FromSeconds(1);

    /// <summary>Not every file system reports changes, so the folder is looked at this often in any case.</summary>
    private static readonly TimeSpan LongestRest = TimeSpan.FromSeconds(15);

    /// <summary>Where a containerized agent puts a copy of itself.</summary>
    private const string CopyFolder = "ambient-cni";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Whether the plugin stands in the chain.</summary>
    public bool Installed { get; private set; }

    /// <summary>Installs, and installs again whenever something undid it; the plugin stays when the agent stops.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        Directory.CreateDirectory(configuration.CniConfigFolder);
        using var changed = new SemaphoreSlim(0, 1);
        using var watcher = new FileSystemWatcher(configuration.CniConfigFolder);
        void Wake(object sender, FileSystemEventArgs change)
        {
            if (changed.CurrentCount == 0)
            {
                try
                {
                    changed.Release();
                }
                catch (SemaphoreFullException)
                {
                    // woken already
                }
            }
        }

        watcher.Changed += Wake;
        watcher.Created += Wake;
        watcher.Deleted += Wake;
        watcher.Renamed += Wake;
        watcher.EnableRaisingEvents = true;
        while (true)
        {
            Pass();
            await changed.WaitAsync(LongestRest, cancellation);
            await Task.Delay(BetweenPasses, time, cancellation);
        }
    }

    /// <summary>Takes our entry and program out again.</summary>
    public void Uninstall()
    {
        foreach (var path in ConfigurationFiles())
        {
            if (ReadList(path) is { } list && RemoveEntry(list))
            {
                WriteAtomically(path, list.ToJsonString(Indented));
            }
        }

        File.Delete(ProgramPath);
        if (Directory.Exists(CopyPath))
        {
            Directory.Delete(CopyPath, recursive: true);
        }

        logger.Uninstalled(configuration.CniConfigFolder);
    }

    private string CopyPath => Path.Combine(configuration.CniBinFolder, CopyFolder);

    private string ProgramPath => Path.Combine(configuration.CniBinFolder, CniConfiguration.PluginType);

    private void Pass()
    {
        try
        {
            InstallProgram();
            var path = ConfigurationFiles().FirstOrDefault(file => ReadList(file) is not null);
            if (path is null)
            {
                Installed = false;
                logger.NoNetworkConfiguration(configuration.CniConfigFolder);
                return;
            }

            InstallEntry(path);
            Installed = true;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            Installed = false;
            metrics.Install("CREATE_CNI_CONFIG_FAILURE");
            logger.InstallFailed(failure.Message);
        }
    }

    /// <summary>The runtime runs a program by its name in the folder: a script that starts this very program as a plugin.</summary>
    private void InstallProgram()
    {
        Directory.CreateDirectory(configuration.CniBinFolder);
        var script = $"#!/bin/sh\nexec {InstalledProgram()} cni\n";
        if (File.Exists(ProgramPath) && File.ReadAllText(ProgramPath) == script)
        {
            return;
        }

        WriteAtomically(ProgramPath, script);
        File.SetUnixFileMode(ProgramPath, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
            | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
    }

    /// <summary>
    /// How a shell of the node starts this program. Where the node's root is mounted, the agent runs in a container and the node's
    /// runtime cannot reach its files, so they are copied beside the script.
    /// </summary>
    private string InstalledProgram()
    {
        var program = Environment.ProcessPath ?? throw new IOException("The path of this program is not known.");
        if (configuration.HostRoot.Length == 0)
        {
            return $"'{program.Replace("'", "'\\''", StringComparison.Ordinal)}'";
        }

        CopyNewer(AppContext.BaseDirectory, CopyPath);
        return $"\"$(dirname \"$0\")\"/{CopyFolder}/{Path.GetFileName(program)}";
    }

    /// <summary>File by file beside its place and then moved there: a plugin that runs meanwhile has whole files, old or new.</summary>
    private static void CopyNewer(string from, string to)
    {
        foreach (var source in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, source));
            if (File.Exists(target) && File.GetLastWriteTimeUtc(target) == File.GetLastWriteTimeUtc(source))
            {
                continue;
            }

            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(source, $"{target}.tmp", overwrite: true);
            File.Move($"{target}.tmp", target, overwrite: true);
        }
    }

    private void InstallEntry(string path)
    {
        var list = ReadList(path)!;
        var before = list.ToJsonString();
        RemoveEntry(list);
        ((JsonArray)list["plugins"]!).Add((JsonNode)Entry());
        if (list.ToJsonString() == before)
        {
            return;
        }

        // A single configuration becomes a list, and lists have a name of their own.
        var target = Path.ChangeExtension(path, ".conflist");
        WriteAtomically(target, list.ToJsonString(Indented));
        if (target != path)
        {
            File.Delete(path);
        }

        metrics.Install("SUCCESS");
        logger.Installed(target);
    }

    private JsonObject Entry() => JsonSerializer.SerializeToNode(
        new CniConfiguration
        {
            CniVersion = null!,
            Name = CniConfiguration.PluginType,
            Type = CniConfiguration.PluginType,
            AmbientEnabled = true,
            AgentRunFolder = configuration.RunFolder,
            AgentNamespace = configuration.AgentNamespace,
            ExcludeNamespaces = configuration.ExcludedNamespaces,
            EnablementSelectors = configuration.Selectors,
        },
        CniJson.Default.CniConfiguration)!.AsObject();

    /// <summary>As the kubelet chooses: sorted by name, the first that can be read.</summary>
    private IEnumerable<string> ConfigurationFiles() =>
        Directory.EnumerateFiles(configuration.CniConfigFolder)
            .Where(file => Path.GetExtension(file) is ".conf" or ".conflist")
            .Where(file => configuration.CniConfigName is null || Path.GetFileName(file) == configuration.CniConfigName)
            .Order(StringComparer.Ordinal);

    /// <summary>The configuration as a list; null where it is none.</summary>
    private static JsonObject? ReadList(string path)
    {
        try
        {
            var root = JsonNode.Parse(File.ReadAllText(path)) as JsonObject;
            if (root?["plugins"] is JsonArray { Count: > 0 })
            {
                return root;
            }

            return root?["type"] is null
                ? null
                : new JsonObject { ["cniVersion"] = "0.3.1", ["name"] = "k8s-pod-network", ["plugins"] = new JsonArray(root) };
        }
        catch (Exception failure) when (failure is JsonException or IOException)
        {
            return null;
        }
    }

    private static bool RemoveEntry(JsonObject list)
    {
        var plugins = (JsonArray)list["plugins"]!;
        var ours = plugins.Where(plugin => (string?)plugin?["type"] == CniConfiguration.PluginType).ToList();
        ours.ForEach(plugin => plugins.Remove(plugin));
        return ours.Count > 0;
    }

    private static void WriteAtomically(string path, string text)
    {
        var draft = $"{path}.tmp.{Environment.ProcessId}";
        File.WriteAllText(draft, text);
        File.SetUnixFileMode(draft, File.Exists(path) ? File.GetUnixFileMode(path) : UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.Move(draft, path, overwrite: true);
    }
}
