using System.Runtime.InteropServices;
using Ambient.ControlPlane;
using Ambient.ControlPlane.Authority;
using Ambient.ControlPlane.Configuration;
using Ambient.ControlPlane.Offline;
using Ambient.Telemetry.Logging;

if (args is ["--help"] or ["-h"])
{
    Console.Write(OptionsReader.Help);
    return 0;
}

if (args is ["derive"])
{
    return DeriveCommand.Run(Console.In, Console.OpenStandardOutput(), Console.Error);
}

using var stop = new CancellationTokenSource();
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
try
{
    var options = OptionsReader.Read(args, Environment.GetEnvironmentVariable);
    await using var logs = LogOutput.FromEnvironment(
        Environment.GetEnvironmentVariable("RUST_LOG"), Environment.GetEnvironmentVariable("LOG_FORMAT"));
    await using var app = await ControlPlaneApp.StartAsync(options, logs, TimeProvider.System, stop.Token);
    await app.RunAsync(stop.Token);
    return 0;
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    return 0;
}
catch (Exception error) when (error is SettingException or AuthorityException or FormatException or IOException)
{
    await Console.Error.WriteLineAsync($"Ambient.ControlPlane: {error.Message}");
    return 1;
}

void Stop(PosixSignalContext context)
{
    context.Cancel = true;
    stop.Cancel();
}
