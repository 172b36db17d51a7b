using System.Net.NetworkInformation;
using System.Security.Cryptography;
using System.Text.Json;
using Ambient.Sandbox.Network;

namespace Ambient.Sandbox.Runs;

/// <summary>
/// A sandbox's folder below <c>/run/ambient/sandbox</c>: what it is, its kubeconfig, its nodes' files and logs. The process that runs the
/// sandbox holds the lock file; a folder whose lock is free is what a dead sandbox left.
/// </summary>
internal sealed class RunDirectory : IDisposable
{
    /// <summary>Where every sandbox of this machine keeps its folder.</summary>
    public const string Parent = "/run/ambient/sandbox";

    private const string Turn = Parent + "/.turn";

    private readonly FileStream _lock;

    private RunDirectory(RunRecord record, FileStream held)
    {
        Record = record;
        _lock = held;
    }

    /// <summary>What this sandbox is, as written to disk.</summary>
    public RunRecord Record { get; private set; }

    /// <summary>The folder.</summary>
    public string Path => PathOf(Record.Id);

    /// <summary>The folder of a sandbox.</summary>
    public static string PathOf(string id) => System.IO.Path.Combine(Parent, id);

    /// <summary>The kubeconfig of a sandbox.</summary>
    public static string KubeConfigOf(string id) => System.IO.Path.Combine(PathOf(id), "kubeconfig");

    /// <summary>Cleans up after dead sandboxes, then takes an id and a free slot of addresses.</summary>
    /// <param name="name">The wanted id, or null for a random one.</param>
    /// <param name="nodes">How many nodes it will have.</param>
    /// <param name="time">Clock of the record.</param>
    /// <param name="ct">Cancels the wait for other sandboxes that are starting.</param>
    /// <exception cref="SandboxException">The id is in use, or no addresses are free.</exception>
    public static async Task<RunDirectory> TakeAsync(string? name, int nodes, TimeProvider time, CancellationToken ct)
    {
        Directory.CreateDirectory(Parent);
        using var turn = await TurnAsync(ct);
        await Leftovers.CleanDeadAsync(ct);
        var id = name ?? RandomNumberGenerator.GetString("abcdefghjkmnpqrstuvwxyz23456789", 5);
        if (Directory.Exists(PathOf(id)))
        {
            throw new SandboxException($"A sandbox named {id} is running. Stop it with 'ambientctl sandbox down --name {id}' or choose another name.");
        }

        var record = new RunRecord(id, FreeSlot(), nodes, Environment.ProcessId, time.GetUtcNow(), null);
        Directory.CreateDirectory(PathOf(id));
        var held = TryLock(id) ?? throw new SandboxException($"{PathOf(id)} was locked by another process while this one made it. Run again.");
        var run = new RunDirectory(record, held);
        run.Write(record);
        return run;
    }

    /// <summary>Replaces the record on disk in one step.</summary>
    public void Write(RunRecord record)
    {
        Record = record;
        var file = System.IO.Path.Combine(Path, "state.json");
        File.WriteAllText(file + ".new", JsonSerializer.Serialize(record, RunJson.Default.RunRecord));
        File.Move(file + ".new", file, overwrite: true);
    }

    /// <summary>The records of all sandboxes whose folder can be read, dead ones too.</summary>
    public static IReadOnlyList<RunRecord> List() => !Directory.Exists(Parent) ? [] :
        [.. Directory.GetDirectories(Parent).Select(folder => Read(System.IO.Path.GetFileName(folder))).OfType<RunRecord>().OrderBy(run => run.Id, StringComparer.Ordinal)];

    /// <summary>The record of a sandbox, or null if it was never written whole.</summary>
    public static RunRecord? Read(string id)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(System.IO.Path.Combine(PathOf(id), "state.json")), RunJson.Default.RunRecord);
        }
        catch (Exception e) when (e is JsonException or IOException)
        {
            return null;
        }
    }

    /// <summary>Whether a live process holds the sandbox.</summary>
    public static bool IsHeld(string id)
    {
        using var held = TryLock(id);
        return held is null;
    }

    /// <summary>Takes the folder of all sandboxes away when none is left; whoever is starting one keeps it.</summary>
    public static void RemoveParentIfLast()
    {
        if (!Directory.Exists(Parent))
        {
            return;
        }

        using var turn = TryTakeTurn();
        if (turn is null || Directory.EnumerateFileSystemEntries(Parent).Any(entry => entry != Turn))
        {
            return;
        }

        File.Delete(Turn);
        Directory.Delete(Parent);
        var above = System.IO.Path.GetDirectoryName(Parent)!;
        if (!Directory.EnumerateFileSystemEntries(above).Any())
        {
            Directory.Delete(above);
        }
    }

    /// <inheritdoc />
    public void Dispose() => _lock.Dispose();

    /// <summary>An open file with no sharing is an exclusive flock: it ends with the process, however that ends.</summary>
    private static FileStream? TryLock(string id)
    {
        try
        {
            return new FileStream(System.IO.Path.Combine(PathOf(id), "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (DirectoryNotFoundException)
        {
            return null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static async Task<FileStream> TurnAsync(CancellationToken ct)
    {
        // Taking a turn lasts as long as cleaning up after a dead sandbox: a few seconds.
        for (var attempt = 0; attempt < 300; attempt++)
        {
            if (TryTakeTurn() is { } turn)
            {
                return turn;
            }

            await Task.Delay(100, ct);
        }

        throw new SandboxException($"Another sandbox has been starting for 30 s and holds {Parent}/.turn. Wait for it, or end it, and run again.");
    }

    private static FileStream? TryTakeTurn()
    {
        try
        {
            Directory.CreateDirectory(Parent);
            var turn = new FileStream(Turn, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            if (File.Exists(Turn))
            {
                return turn;
            }

            turn.Dispose(); // the last sandbox took it away while this one waited for it
            return null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static int FreeSlot()
    {
        var taken = List().Select(run => run.Slot).ToHashSet();
        foreach (var address in NetworkInterface.GetAllNetworkInterfaces().SelectMany(link => link.GetIPProperties().UnicastAddresses))
        {
            var bytes = address.Address.GetAddressBytes();
            if (bytes is [10, _, _, _])
            {
                taken.Add(bytes[1]);
            }
        }

        // Destinations of the routing table are little-endian hexadecimal: 10.SLOT.x.x reads ....SS0A.
        foreach (var route in File.ReadLines("/proc/net/route").Skip(1).Select(line => line.Split('\t')))
        {
            if (route.Length > 1 && route[1].Length == 8 && route[1].EndsWith("0A", StringComparison.Ordinal))
            {
                taken.Add(Convert.ToInt32(route[1].Substring(4, 2), 16));
            }
        }

        for (var slot = AddressPlan.FirstSlot; slot <= AddressPlan.LastSlot; slot++)
        {
            if (!taken.Contains(slot))
            {
                return slot;
            }
        }

        throw new SandboxException($"No free addresses: all of 10.{AddressPlan.FirstSlot}.0.0/16 to 10.{AddressPlan.LastSlot}.0.0/16 are in use. Stop a sandbox with 'ambientctl sandbox down'.");
    }
}
