using System.Net;
using Ambient.ControlPlane.Configuration;
using Ambient.Telemetry.Logging;

namespace Ambient.ControlPlane.Tests.EndToEnd;

/// <summary>The whole control plane in this process, on ports of its own.</summary>
internal sealed class AppUnderTest : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly LogOutput _logs;
    private readonly MemoryStream _log;
    private readonly Task _run;

    private AppUnderTest(ControlPlaneApp app, LogOutput logs, MemoryStream log)
    {
        (App, _logs, _log) = (app, logs, log);
        _run = app.RunAsync(_stop.Token);
    }

    public ControlPlaneApp App { get; }

    /// <summary>Starts and waits until it is ready.</summary>
    public static async Task<AppUnderTest> StartAsync(ApiUnderTest api, params string[] flags)
    {
        var options = OptionsReader.Read(
            [
                "--kubeconfig", api.KubeConfigPath, "--name", "test", "--secureGRPCAddr", "127.0.0.1:0", "--grpcAddr", "127.0.0.1:0",
                "--monitoringAddr", "127.0.0.1:0", "--httpAddr", "127.0.0.1:0", "--rootCADir", "/nonexistent", .. flags,
            ],
            _ => null);
        var log = new MemoryStream();
        var logs = new LogOutput(LogFormat.Plain, LogFilter.Parse("info"), Stream.Synchronized(log));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var app = new AppUnderTest(await ControlPlaneApp.StartAsync(options, logs, TimeProvider.System, patience.Token), logs, log);
        await Until.TrueAsync(async () => (int)(await app.GetAsync(app.App.HttpEndPoint, "/ready")).Status == 200, "ready");
        return app;
    }

    public async Task<(HttpStatusCode Status, string Body)> GetAsync(IPEndPoint server, string path)
    {
        using var http = new HttpClient();
        using var response = await http.GetAsync(new Uri($"http://{server}{path}"));
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run.WaitAsync(TimeSpan.FromSeconds(20));
        await App.DisposeAsync();
        await _logs.DisposeAsync();
        _stop.Dispose();
        await _log.DisposeAsync();
    }
}

/// <summary>Waits for something that others bring about.</summary>
internal static class Until
{
    public static async Task TrueAsync(Func<Task<bool>> condition, string what)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while (!await condition())
        {
            if (patience.IsCancellationRequested)
            {
                throw new TimeoutException($"10 s have passed without: {what}");
            }

            await Task.Delay(20);
        }
    }
}
