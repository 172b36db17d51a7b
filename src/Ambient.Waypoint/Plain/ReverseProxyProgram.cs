using System.Runtime.InteropServices;
using Ambient.Telemetry.Logging;
using Ambient.Telemetry.Metrics;

namespace Ambient.Waypoint.Plain;

/// <summary>The plain reverse proxy as a program.</summary>
internal static class ReverseProxyProgram
{
    /// <summary>Runs until it is told to stop; the exit code.</summary>
    public static async Task<int> RunAsync(string[] arguments)
    {
        if (!ReverseProxyOptions.TryParse(arguments, out var options, out var wrong))
        {
            await Console.Error.WriteLineAsync(wrong);
            return 2;
        }

        await using var logs = LogOutput.FromEnvironment(options.AccessLog ? "info" : "off", null);
        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        await using var proxy = new ReverseProxy(options, logs.Factory, new MetricRegistry());
        try
        {
            await proxy.StartAsync();
        }
        catch (IOException failure)
        {
            await Console.Error.WriteLineAsync(failure.Message);
            return 1;
        }

        Console.WriteLine("ready");
        await stop.Task;
        return 0;

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.TrySetResult();
        }
    }
}
