using System.Diagnostics;

namespace Ambient.Sandbox.Demo;

/// <summary>tcpdump on a link inside a namespace: everything that passes, whole, into a file.</summary>
internal sealed class PacketCapture : IAsyncDisposable
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);

    private readonly Process _process;
    private readonly string _file;

    private PacketCapture(Process process, string file)
    {
        _process = process;
        _file = file;
    }

    /// <summary>Starts, and returns when packets are being captured.</summary>
    public static async Task<PacketCapture> StartAsync(string networkNamespace, string link, string file, CancellationToken ct)
    {
        var info = new ProcessStartInfo("nsenter") { RedirectStandardError = true, RedirectStandardInput = true };
        string[] arguments =
        [
            $"--net={Names.NamespacePath(networkNamespace)}", Prerequisites.Find("tcpdump") ?? throw new SandboxException("tcpdump is missing. " + Prerequisites.Remedy("tcpdump")),
            "-i", link, "-n", "-s", "0", "-U", "--immediate-mode", "-Z", "root", "-w", file,
        ];
        foreach (var argument in arguments)
        {
            info.ArgumentList.Add(argument);
        }

        var process = Process.Start(info) ?? throw new SandboxException("tcpdump did not start.");
        var said = await process.StandardError.ReadLineAsync(ct).AsTask().WaitAsync(LongestWait, ct);
        while (said is not null && !said.Contains("listening on", StringComparison.Ordinal))
        {
            said = await process.StandardError.ReadLineAsync(ct).AsTask().WaitAsync(LongestWait, ct);
        }

        return said is not null
            ? new PacketCapture(process, file)
            : throw new SandboxException($"tcpdump ended on link {link} of {networkNamespace} before it captured anything.");
    }

    /// <summary>Stops and reads what was captured.</summary>
    public async Task<IReadOnlyList<CapturedPacket>> StopAsync(CancellationToken ct)
    {
        await Processes.Command.TryRunAsync("/bin/sh", ["-c", $"kill -INT {_process.Id}"], ct: ct);
        await _process.WaitForExitAsync(ct).WaitAsync(LongestWait, ct);
        return PacketFile.Read(await File.ReadAllBytesAsync(_file, ct));
    }

    /// <inheritdoc />
    public ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
        return ValueTask.CompletedTask;
    }
}
