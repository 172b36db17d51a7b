using System.Net;
using System.Text.Json;
using Ambient.Linux;
using Ambient.NodeAgent.Capture;

namespace Ambient.NodeAgent.Enrolment;

/// <summary>Opens a pod's network namespace, and only if the pod owns it: one of its interfaces carries an address of the pod.</summary>
internal sealed class PodNamespaceFinder(ProcessNamespaces processes, string hostRoot)
{
    /// <summary>Opens the namespace that the container runtime named.</summary>
    /// <exception cref="CaptureException">It cannot be opened, is the node's own, or belongs to another pod.</exception>
    public async Task<NetworkNamespace> OpenAsync(string path, IReadOnlyList<IPAddress> addresses, CancellationToken cancellation)
    {
        NetworkNamespace ns;
        try
        {
            ns = NetworkNamespace.Open(hostRoot + path);
        }
        catch (IOException failure)
        {
            throw new CaptureException(
                $"The pod's network namespace {hostRoot}{path} cannot be opened ({failure.Message}); mount the node's /var/run/netns into the agent.", failure);
        }

        if (await WhyNotOwnedAsync(ns, addresses, cancellation) is { } reason)
        {
            ns.Dispose();
            throw new CaptureException($"The network namespace {path} is not the pod's: {reason}.");
        }

        return ns;
    }

    /// <summary>Looks for the namespaces of pods by their processes; those that are not found, or not owned, are left out.</summary>
    public async Task<IReadOnlyDictionary<string, NetworkNamespace>> FindAsync(
        IReadOnlyDictionary<string, IReadOnlyList<IPAddress>> pods, CancellationToken cancellation)
    {
        var found = new Dictionary<string, NetworkNamespace>(StringComparer.Ordinal);
        foreach (var (uid, path) in processes.Find(pods.Keys.ToHashSet(StringComparer.Ordinal)))
        {
            NetworkNamespace ns;
            try
            {
                ns = NetworkNamespace.Open(path);
            }
            catch (IOException)
            {
                continue; // its process ended since the scan
            }

            if (await WhyNotOwnedAsync(ns, pods[uid], cancellation) is null)
            {
                found[uid] = ns;
            }
            else
            {
                ns.Dispose();
            }
        }

        return found;
    }

    /// <summary>Null where one of the namespace's interfaces carries an address of the pod, otherwise why it is not the pod's.</summary>
    public static async Task<string?> WhyNotOwnedAsync(NetworkNamespace ns, IReadOnlyList<IPAddress> addresses, CancellationToken cancellation)
    {
        using var own = NetworkNamespace.Current();
        if (own.Id == ns.Id)
        {
            return "it is the node's own";
        }

        if (addresses.Count == 0)
        {
            return "the pod has no address yet by which to know it";
        }

        if (await NamespaceCommands.TryRunAsync(ns, "ip", ["-json", "address"], cancellation) is not { } json)
        {
            return "its interfaces cannot be read";
        }

        var present = AddressesOf(json);
        return addresses.Any(present.Contains) ? null : $"none of its interfaces has {string.Join(" or ", addresses)}";
    }

    private static HashSet<IPAddress> AddressesOf(string json)
    {
        using var document = JsonDocument.Parse(json);
        return [.. document.RootElement.EnumerateArray()
            .SelectMany(link => link.TryGetProperty("addr_info", out var infos) ? infos.EnumerateArray().ToArray() : [])
            .Select(info => info.TryGetProperty("local", out var local) ? local.GetString() : null)
            .OfType<string>()
            .Select(IPAddress.Parse)];
    }
}
