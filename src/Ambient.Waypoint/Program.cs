using System.Runtime.InteropServices;
using Ambient.Proxy;
using Ambient.Proxy.Configuration;
using Ambient.Telemetry.Logging;
using Ambient.Waypoint;
using Ambient.Waypoint.Configuration;
using Ambient.Waypoint.Plain;

const int Misconfigured = 2;

switch (args.FirstOrDefault() ?? "proxy")
{
    case "proxy" when CommandLine.Check(args.AsSpan(Math.Min(1, args.Length))) is { } wrong:
        Console.Error.WriteLine(wrong);
        return Misconfigured;
    case "proxy":
        return await RunAsync();
    case "reverse-proxy":
        return await ReverseProxyProgram.RunAsync(args[1..]);
    case "version":
        Console.WriteLine($"ambient waypoint {ThisBuild.Version} ({ThisBuild.Revision}, {ThisBuild.Profile})");
        return 0;
    case "help" or "--help" or "-h":
        Console.WriteLine("usage: Ambient.Waypoint [proxy [waypoint] | version | help]\nThe environment configures the proxy; the control plane sets it in the Deployment that it makes from a Gateway.");
        return 0;
    case var unknown:
        Console.Error.WriteLine($"'{unknown}' is no command; the commands are proxy, version and help.");
        return Misconfigured;
}

static async Task<int> RunAsync()
{
    LogOutput logs;
    WaypointConfiguration configuration;
    try
    {
        logs = LogOutput.FromEnvironment(Environment.GetEnvironmentVariable("RUST_LOG"), Environment.GetEnvironmentVariable("LOG_FORMAT"));
        configuration = WaypointEnvironment.Read(EnvironmentReader.Process());
    }
    catch (Exception wrong) when (wrong is ConfigurationException or FormatException)
    {
        await Console.Error.WriteLineAsync(wrong.Message);
        return Misconfigured;
    }

    await using var output = logs;
    var app = new WaypointApp(configuration, logs, TimeProvider.System);
    using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
    using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
    try
    {
        await app.RunAsync();
        return 0;
    }
    catch (Exception wrong) when (wrong is ConfigurationException or IOException)
    {
        await Console.Error.WriteLineAsync(wrong.Message);
        return wrong is ConfigurationException ? Misconfigured : 1;
    }

    void Stop(PosixSignalContext context)
    {
        // The first signal drains, a second one ends the process as signals do.
        context.Cancel = !app.Quit.IsCancellationRequested;
        app.Quit.Cancel();
    }
}
