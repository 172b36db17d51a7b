using System.Runtime.InteropServices;
using Ambient.Proxy.Configuration;
using Ambient.Telemetry.Logging;

namespace Ambient.Proxy;

/// <summary>A proxy, put together: what a program runs until it is asked to end.</summary>
public interface IProxyApp
{
    /// <summary>Asks the proxy to end in good order.</summary>
    CancellationTokenSource Quit { get; }

    /// <summary>Runs until <see cref="Quit"/>, then drains.</summary>
    Task RunAsync();
}

/// <summary>Runs a proxy as a process: log, signals, and what its end tells the shell.</summary>
public static class ProxyProgram
{
    /// <summary>The exit code of a program whose arguments or environment it does not understand.</summary>
    public const int Misconfigured = 2;

    /// <summary>Runs a proxy to its end.</summary>
    /// <param name="make">Reads the configuration, and puts the proxy together.</param>
    /// <returns>0; <see cref="Misconfigured"/>; or 1 where something that it needs failed. The reason is on the standard error.</returns>
    public static async Task<int> RunAsync(Func<LogOutput, IProxyApp> make)
    {
        ArgumentNullException.ThrowIfNull(make);
        LogOutput output;
        try
        {
            output = LogOutput.FromEnvironment(Environment.GetEnvironmentVariable("RUST_LOG"), Environment.GetEnvironmentVariable("LOG_FORMAT"));
        }
        catch (FormatException wrong)
        {
            await Console.Error.WriteLineAsync(wrong.Message);
            return Misconfigured;
        }

        await using var logs = output;
        try
        {
            var app = make(logs);
            using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
            using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
            await app.RunAsync();
            return 0;

            void Stop(PosixSignalContext context)
            {
                // The first signal drains, a second one ends the process as signals do.
                context.Cancel = !app.Quit.IsCancellationRequested;
                app.Quit.Cancel();
            }
        }
        catch (Exception wrong) when (wrong is ConfigurationException or IOException)
        {
            await Console.Error.WriteLineAsync(wrong.Message);
            return wrong is ConfigurationException ? Misconfigured : 1;
        }
    }
}
