using System.Net;

namespace Ambient.Sandbox.Cni;

/// <summary>
/// The addresses of a node's pods, noted as files named by address that hold the container's id. An address that was given back is used
/// again last, so that nobody mistakes a new pod for an old one.
/// </summary>
internal sealed class NodeAddressPool(string folder)
{
    /// <summary>Addresses per range: the host part's lowest byte, without network, gateway and broadcast.</summary>
    private const int First = 2;
    private const int Last = 254;

    /// <summary>Takes one address of each range for a container.</summary>
    /// <exception cref="SandboxException">A range is used up.</exception>
    public async Task<IReadOnlyList<IPAddress>> TakeAsync(string container, IReadOnlyList<IPNetwork> ranges, CancellationToken ct)
    {
        Directory.CreateDirectory(folder);
        await using var turn = await TurnAsync(ct);
        return [.. ranges.Select(range => TakeOne(container, range))];
    }

    /// <summary>Gives back what a container has; nothing happens if it has nothing.</summary>
    public async Task GiveBackAsync(string container, CancellationToken ct)
    {
        if (!Directory.Exists(folder))
        {
            return;
        }

        await using var turn = await TurnAsync(ct);
        foreach (var file in Directory.GetFiles(folder, "ip-*").Where(file => File.ReadAllText(file) == container))
        {
            File.Delete(file);
        }
    }

    private IPAddress TakeOne(string container, IPNetwork range)
    {
        var lastFile = Path.Combine(folder, "last-" + (range.BaseAddress.GetAddressBytes().Length == 4 ? "4" : "6"));
        var last = File.Exists(lastFile) ? int.Parse(File.ReadAllText(lastFile)) : First - 1;
        for (var step = 1; step <= Last - First + 1; step++)
        {
            var host = First + ((last - First + step) % (Last - First + 1));
            var address = Nth(range, host);
            var file = Path.Combine(folder, "ip-" + address);
            if (!File.Exists(file))
            {
                File.WriteAllText(file, container);
                File.WriteAllText(lastFile, host.ToString());
                return address;
            }
        }

        throw new SandboxException($"All {Last - First + 1} addresses of {range} are taken. Delete pods of this node or start the sandbox with more nodes.");
    }

    private static IPAddress Nth(IPNetwork range, int host)
    {
        var bytes = range.BaseAddress.GetAddressBytes();
        bytes[^1] = (byte)host;
        return new IPAddress(bytes);
    }

    private async Task<FileStream> TurnAsync(CancellationToken ct)
    {
        // A turn is a few file operations; ten seconds cover a loaded machine.
        for (var attempt = 0; attempt < 1000; attempt++)
        {
            try
            {
                return new FileStream(Path.Combine(folder, ".turn"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException)
            {
                await Task.Delay(10, ct);
            }
        }

        throw new SandboxException($"{folder}/.turn has been locked for 10 s: another plugin run hangs. End it and retry.");
    }
}
