using System.Diagnostics;
using System.Text;

namespace Ambient.Sandbox.Processes;

/// <summary>What a finished command left.</summary>
internal sealed record CommandResult(int ExitCode, string Output, string Error);

/// <summary>A command of the machine that failed: names it and what it said.</summary>
public sealed class CommandException(string message) : IOException(message);

/// <summary>Runs the machine's own tools (ip, nft, nsenter), each to its end and within a bound.</summary>
internal static class Command
{
    /// <summary>No tool that the sandbox calls needs more than a second; a loaded machine gets thirty.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);

    /// <summary>Runs a command; whatever its exit code, the caller judges it.</summary>
    public static async Task<CommandResult> TryRunAsync(
        string file,
        IReadOnlyList<string> arguments,
        string? input = null,
        IReadOnlyDictionary<string, string>? environment = null,
        TimeSpan? timeout = null,
        CancellationToken ct = default)
    {
        using var process = new Process { StartInfo = Describe(file, arguments, environment) };
        try
        {
            process.Start();
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new CommandException($"{file} cannot be started: {e.Message}. {Prerequisites.Remedy(file)}");
        }

        using var bound = CancellationTokenSource.CreateLinkedTokenSource(ct);
        bound.CancelAfter(timeout ?? Longest);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(bound.Token);
            var error = process.StandardError.ReadToEndAsync(bound.Token);
            await FeedAsync(process, input, bound.Token);
            await process.WaitForExitAsync(bound.Token);
            return new CommandResult(process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            ct.ThrowIfCancellationRequested();
            throw new CommandException($"{Line(file, arguments)} did not end within {(timeout ?? Longest).TotalSeconds:0} s and was killed.");
        }
    }

    /// <summary>Runs a command that has to succeed and returns what it printed.</summary>
    /// <exception cref="CommandException">It did not exit with 0.</exception>
    public static async Task<string> RunAsync(
        string file,
        IReadOnlyList<string> arguments,
        string? input = null,
        IReadOnlyDictionary<string, string>? environment = null,
        CancellationToken ct = default)
    {
        var result = await TryRunAsync(file, arguments, input, environment, null, ct);
        return result.ExitCode == 0
            ? result.Output
            : throw new CommandException($"{Line(file, arguments)} failed with {result.ExitCode}: {Said(result)}");
    }

    /// <summary>Runs a shell script on this machine's own namespaces; the first failing line ends it.</summary>
    public static Task<string> ScriptAsync(string script, CancellationToken ct = default) =>
        RunAsync("/bin/sh", ["-e"], script, null, ct);

    /// <summary>Runs a shell script inside a named network namespace; the first failing line ends it.</summary>
    public static Task<string> ScriptInAsync(string networkNamespace, string script, CancellationToken ct = default) =>
        RunAsync("nsenter", [$"--net={Names.NamespacePath(networkNamespace)}", "/bin/sh", "-e"], script, null, ct);

    /// <summary>Standard error, or standard output where a tool complains there, on one line.</summary>
    public static string Said(CommandResult result) =>
        string.Join(' ', (result.Error.Length > 0 ? result.Error : result.Output)
            .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));

    private static ProcessStartInfo Describe(string file, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string>? environment)
    {
        var start = new ProcessStartInfo(file)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
        };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        start.Environment["PATH"] = Prerequisites.SearchPath;
        return start;
    }

    private static async Task FeedAsync(Process process, string? input, CancellationToken ct)
    {
        try
        {
            if (input is not null)
            {
                await process.StandardInput.WriteAsync(input.AsMemory(), ct);
            }

            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended without reading its input; its exit code and its words say why.
        }
    }

    private static string Line(string file, IReadOnlyList<string> arguments) => string.Join(' ', arguments.Prepend(file));
}
