using Ambient.Sandbox;
using Ambient.Sandbox.Processes;

namespace Ambient.Cli;

/// <summary>Exit codes: 0 for done, 1 for what the user can put right, 130 for an interruption.</summary>
internal static class Guard
{
    /// <summary>Runs an action; what the user can put right is told in a sentence, without a stack trace.</summary>
    public static async Task<int> RunAsync(Func<Task<int>> action)
    {
        try
        {
            return await action();
        }
        catch (Exception e) when (e is CliException or SandboxException or CommandException or IOException or HttpRequestException or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync("error: " + e.Message);
            return 1;
        }
        catch (OperationCanceledException)
        {
            await Console.Error.WriteLineAsync("interrupted");
            return 130;
        }
    }
}
