using System.ComponentModel;
using Ambient.Linux;

namespace Ambient.NodeAgent.Capture;

/// <summary>The kernel's own tools, run inside a network namespace; what goes wrong with them is a capture that failed.</summary>
internal static class NamespaceCommands
{
    /// <summary>iptables waits up to 30 s for its lock, as the original tells it to; a tool that takes longer than this is stuck.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(40);

    /// <summary>Runs a tool to its end and returns what it printed.</summary>
    /// <exception cref="CaptureException">It is not installed, failed or did not end; the message holds its own.</exception>
    public static async Task<string> RunAsync(
        NetworkNamespace ns, string program, IReadOnlyList<string> arguments, string? input, CancellationToken cancellation)
    {
        try
        {
            return (await NetworkCommand.RunAsync(ns, [program, .. arguments], input, Longest, cancellation)).ThrowIfFailed().Output;
        }
        catch (Exception failure) when (failure is CommandException or TimeoutException)
        {
            throw new CaptureException(failure.Message, failure);
        }
        catch (Win32Exception failure)
        {
            throw new CaptureException("nsenter cannot be run: install util-linux.", failure);
        }
    }

    /// <summary>Runs a tool whose failure is an answer too: null where it failed.</summary>
    public static async Task<string?> TryRunAsync(
        NetworkNamespace ns, string program, IReadOnlyList<string> arguments, CancellationToken cancellation)
    {
        var result = await NetworkCommand.RunAsync(ns, [program, .. arguments], null, Longest, cancellation);
        return result.Succeeded ? result.Output : null;
    }
}

/// <summary>A pod's traffic cannot be captured, or no longer is; the message names what failed.</summary>
internal sealed class CaptureException : Exception
{
    public CaptureException(string message)
        : base(message)
    {
    }

    public CaptureException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
