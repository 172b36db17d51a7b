using System.Diagnostics;
using Ambient.Linux;

namespace Ambient.NodeAgent.Tests;

/// <summary>A network namespace of one test, gone with it.</summary>
internal sealed class TestNamespace : IDisposable
{
    public TestNamespace()
    {
        Name = $"agt-{Guid.NewGuid():N}"[..15];
        Run("ip", "netns", "add", Name);
        Run("ip", "-n", Name, "link", "set", "lo", "up");
        Handle = NetworkNamespace.Open(Path);
    }

    public string Name { get; }

    public string Path => $"/var/run/netns/{Name}";

    public NetworkNamespace Handle { get; }

    /// <summary>Runs a program inside and returns what it printed.</summary>
    public string Inside(params string[] command) => Run("ip", ["netns", "exec", Name, .. command]);

    public void Dispose()
    {
        Handle.Dispose();
        Run("ip", "netns", "delete", Name);
    }

    public static string Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0
            ? output
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {error.Result}");
    }
}
