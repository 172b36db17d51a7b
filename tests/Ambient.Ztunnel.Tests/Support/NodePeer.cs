using System.Diagnostics;
using Ambient.Api;

namespace Ambient.Ztunnel.Tests.Support;

/// <summary>A script on Node's http2 in a pod's namespace: an HTTP/2 implementation that is not ours.</summary>
internal sealed class NodePeer : IDisposable
{
    private readonly Process _process;
    private readonly DirectoryInfo _folder;
    private readonly List<string> _lines = [];
    private readonly TaskCompletionSource _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private NodePeer(TestPod pod, string script, DirectoryInfo folder, string[] arguments)
    {
        _folder = folder;
        var start = new ProcessStartInfo("ip",
            ["netns", "exec", pod.Name, "node", Path.Combine(AppContext.BaseDirectory, "Peers", script), .. arguments, folder.FullName])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["NODE_NO_WARNINGS"] = "1" }, // what Node thinks of names that are addresses differs by version
        };
        start.Environment["PATH"] += ":/usr/sbin:/sbin";
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) =>
        {
            if (line.Data is { } text)
            {
                lock (_lines)
                {
                    _lines.Add(text);
                }
            }
        };
        _process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data == "listening")
            {
                _listening.TrySetResult();
            }
            else if (line.Data is { } trouble)
            {
                lock (_lines)
                {
                    _lines.Add("stderr: " + trouble);
                }
            }
        };
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>What it has written.</summary>
    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lines)
            {
                return [.. _lines];
            }
        }
    }

    /// <summary>How many lines tell of an event of this name.</summary>
    public int Count(string name) => Lines.Count(line => line.Contains($"\"{name}\"", StringComparison.Ordinal));

    public static NodePeer Start(TestPod pod, TestAuthority authority, SpiffeId identity, string script, params string[] arguments)
    {
        var folder = Directory.CreateTempSubdirectory("node-peer-");
        var (certificate, key, root) = authority.IssuePem(identity);
        File.WriteAllText(Path.Combine(folder.FullName, "cert.pem"), certificate);
        File.WriteAllText(Path.Combine(folder.FullName, "key.pem"), key);
        File.WriteAllText(Path.Combine(folder.FullName, "root.pem"), root);
        return new NodePeer(pod, script, folder, arguments);
    }

    public Task ListeningAsync() => _listening.Task.WaitAsync(TimeSpan.FromSeconds(10));

    public async Task EndedAsync() => await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(15));

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit(5_000);
        }

        _process.Dispose();
        _folder.Delete(recursive: true);
    }
}
