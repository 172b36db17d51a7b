using System.Diagnostics;
using System.Globalization;

namespace Ambient.Linux;

/// <summary>What a command left behind.</summary>
/// <param name="Command">The command line, for messages.</param>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Output">Standard output, at most <see cref="NetworkCommand.MaxOutput"/> characters.</param>
/// <param name="Error">Standard error, bounded likewise.</param>
public sealed record CommandResult(string Command, int ExitCode, string Output, string Error)
{
    /// <summary>Whether it exited with 0.</summary>
    public bool Succeeded => ExitCode == 0;

    /// <summary>Returns itself, or throws with what the command said.</summary>
    /// <exception cref="CommandException">It failed.</exception>
    public CommandResult ThrowIfFailed() => Succeeded ? this : throw new CommandException(this);
}

/// <summary>A command failed; the message holds its line, exit code and standard error.</summary>
public sealed class CommandException(CommandResult result)
    : IOException($"{result.Command}: exit code {result.ExitCode}: {result.Error.Trim()}")
{
    /// <summary>What the command left behind.</summary>
    public CommandResult Result { get; } = result;
}

/// <summary>
/// Runs network tools (nft, iptables-restore, ip) as children inside a network namespace. The child enters the namespace through
/// <c>nsenter</c> and a path to our descriptor; no thread of ours goes anywhere.
/// </summary>
public static class NetworkCommand
{
    /// <summary>Characters kept of each stream: a node's whole ruleset fits, a runaway child does not hurt.</summary>
    public const int MaxOutput = 4 * 1024 * 1024;

    /// <summary>Longer than any rule change takes, iptables' wait for its lock (30 s) excepted.</summary>
    public static TimeSpan DefaultTimeout { get; } = TimeSpan.FromSeconds(10);

    /// <summary>Runs a command to its end.</summary>
    /// <param name="space">The namespace to run in; null means the process's own.</param>
    /// <param name="arguments">The program, found by PATH, and its arguments; no shell.</param>
    /// <param name="input">Text for its standard input.</param>
    /// <param name="timeout">Then it is killed with its children; <see cref="DefaultTimeout"/> if null.</param>
    /// <param name="cancellation">Kills it too.</param>
    /// <exception cref="TimeoutException">It was killed.</exception>
    /// <exception cref="System.ComponentModel.Win32Exception">The program does not exist.</exception>
    public static async Task<CommandResult> RunAsync(
        NetworkNamespace? space,
        IReadOnlyList<string> arguments,
        string? input = null,
        TimeSpan? timeout = null,
        CancellationToken cancellation = default)
    {
        var start = new ProcessStartInfo
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        var line = string.Join(' ', arguments);
        var limit = timeout ?? DefaultTimeout;
        using var held = space?.Duplicate(); // the path names our descriptor: it must live as long as the child may open it
        Enter(start, held, arguments);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(limit);
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{line}: did not start");
        try
        {
            var output = ReadAsync(process.StandardOutput, deadline.Token);
            var error = ReadAsync(process.StandardError, deadline.Token);
            await FeedAsync(process, input, deadline.Token).ConfigureAwait(false);
            await Task.WhenAll(output, error, process.WaitForExitAsync(deadline.Token)).ConfigureAwait(false);
            return new CommandResult(line, process.ExitCode, await output.ConfigureAwait(false), await error.ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new TimeoutException($"{line}: still running after {limit.TotalSeconds:0.#} s; killed");
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }

    /// <summary>Applies an nft script as one transaction; throws <see cref="CommandException"/> if it is refused.</summary>
    public static Task<CommandResult> NftAsync(NetworkNamespace? space, string script, CancellationToken cancellation = default) =>
        SucceedAsync(space, ["nft", "-f", "-"], script, cancellation);

    /// <summary>Runs <c>ip</c>; throws <see cref="CommandException"/> if it fails.</summary>
    public static Task<CommandResult> IpAsync(
        NetworkNamespace? space, IReadOnlyList<string> arguments, CancellationToken cancellation = default) =>
        SucceedAsync(space, ["ip", .. arguments], null, cancellation);

    private static async Task<CommandResult> SucceedAsync(
        NetworkNamespace? space, string[] arguments, string? input, CancellationToken cancellation) =>
        (await RunAsync(space, arguments, input, null, cancellation).ConfigureAwait(false)).ThrowIfFailed();

    private static void Enter(ProcessStartInfo start, NetworkNamespace? space, IReadOnlyList<string> arguments)
    {
        if (space is null)
        {
            start.FileName = arguments[0];
            foreach (var argument in arguments.Skip(1))
            {
                start.ArgumentList.Add(argument);
            }

            return;
        }

        start.FileName = "nsenter";
        start.ArgumentList.Add(string.Create(
            CultureInfo.InvariantCulture, $"--net=/proc/{Environment.ProcessId}/fd/{space.Descriptor}"));
        start.ArgumentList.Add("--");
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }
    }

    private static async Task FeedAsync(Process process, string? input, CancellationToken cancellation)
    {
        try
        {
            if (input is not null)
            {
                await process.StandardInput.WriteAsync(input.AsMemory(), cancellation).ConfigureAwait(false);
            }

            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended without reading everything; its exit code and standard error say why.
        }
    }

    private static async Task<string> ReadAsync(StreamReader reader, CancellationToken cancellation)
    {
        var text = new System.Text.StringBuilder();
        var buffer = new char[4096];
        while (await reader.ReadAsync(buffer, cancellation).ConfigureAwait(false) is var count and > 0)
        {
            text.Append(buffer, 0, Math.Min(count, MaxOutput - text.Length));
        }

        return text.ToString();
    }
}
