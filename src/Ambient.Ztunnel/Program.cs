using System.Runtime.InteropServices;
using Ambient.Proxy;
using Ambient.Proxy.Configuration;
using Ambient.Telemetry.Logging;
using Ambient.Ztunnel;
using Ambient.Ztunnel.Configuration;

const int Misconfigured = 2;

switch (args.FirstOrDefault() ?? "proxy")
{
    case "proxy":
        return await RunAsync();
    case "version":
        Console.WriteLine($"ambient ztunnel {ThisBuild.Version} ({ThisBuild.Revision}, {ThisBuild.Profile})");
        return 0;
    case "help" or "--help" or "-h":
        Console.WriteLine("usage: Ambient.Ztunnel [proxy | version | help]\nThe environment configures the proxy; see Istio's node proxy for the variables.");
        return 0;
    case var unknown:
        Console.Error.WriteLine($"'{unknown}' is no command; the commands are proxy, version and help.");
        return Misconfigured;
}

static async Task<int> RunAsync()
{
    LogOutput logs;
    ZtunnelConfiguration configuration;
    try
    {
        logs = LogOutput.FromEnvironment(Environment.GetEnvironmentVariable("RUST_LOG"), Environment.GetEnvironmentVariable("LOG_FORMAT"));
        configuration = EnvironmentConfiguration.Read();
    }
    catch (Exception wrong) when (wrong is ConfigurationException or FormatException)
    {
        await Console.Error.WriteLineAsync(wrong.Message);
        return Misconfigured;
    }

    await using var output = logs;
    var app = new ZtunnelApp(configuration, logs, TimeProvider.System);
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
