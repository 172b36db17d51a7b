using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Ambient.ControlPlane.Tests.EndToEnd;

/// <summary>Alone: they say how long a start takes, which a test beside them that starts ten control planes would change.</summary>
[CollectionDefinition(nameof(ProcessTests), DisableParallelization = true)]
[Collection(nameof(ProcessTests))]
public sealed class ProcessTests
{
    private static readonly string Executable = Path.Combine(AppContext.BaseDirectory, "Ambient.ControlPlane");

    [Fact]
    public async Task The_executable_becomes_ready_recovers_from_a_kill_and_ends_when_asked()
    {
        await using var api = await ApiUnderTest.StartAsync();
        var ports = FreePorts(4);

        using (var first = Start(api, ports))
        {
            await ReadyAsync(ports[3]);
            first.Kill();
            await first.WaitForExitAsync();
        }

        var since = Stopwatch.StartNew();
        using var second = Start(api, ports);
        await ReadyAsync(ports[3]);
        Assert.InRange(since.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(5));

        using var terminate = Process.Start("kill", ["-TERM", $"{second.Id}"]);
        await second.WaitForExitAsync(new CancellationTokenSource(TimeSpan.FromSeconds(10)).Token);
        Assert.Equal(0, second.ExitCode);
    }

    [Fact]
    public async Task A_wrong_setting_ends_it_with_the_settings_name()
    {
        using var process = Process.Start(new ProcessStartInfo(Executable, ["--httpAddr=nowhere"]) { RedirectStandardError = true })!;
        var message = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync(new CancellationTokenSource(TimeSpan.FromSeconds(10)).Token);

        Assert.Equal(1, process.ExitCode);
        Assert.Equal("Ambient.ControlPlane: --httpAddr / HTTP_ADDRESS: 'nowhere' is not possible; write ADDRESS:PORT, or :PORT for all addresses.\n", message);
    }

    private static Process Start(ApiUnderTest api, int[] ports) => Process.Start(new ProcessStartInfo(Executable)
    {
        Environment =
        {
            ["KUBECONFIG"] = api.KubeConfigPath,
            ["POD_NAME"] = "istiod-1",
            ["SECURE_GRPC_ADDRESS"] = $"127.0.0.1:{ports[0]}",
            ["GRPC_ADDRESS"] = $"127.0.0.1:{ports[1]}",
            ["MONITORING_ADDRESS"] = $"127.0.0.1:{ports[2]}",
            ["HTTP_ADDRESS"] = $"127.0.0.1:{ports[3]}",
            ["ROOT_CA_DIR"] = "/nonexistent",
            ["RUST_LOG"] = "warn",
        },
    })!;

    private static async Task ReadyAsync(int port)
    {
        using var http = new HttpClient();
        await Until.TrueAsync(
            async () =>
            {
                try
                {
                    return (await http.GetAsync(new Uri($"http://127.0.0.1:{port}/ready"))).StatusCode == HttpStatusCode.OK;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            "the process to be ready");
    }

    private static int[] FreePorts(int count)
    {
        TcpListener[] listeners = [.. Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0))];
        foreach (var listener in listeners)
        {
            listener.Start();
        }

        int[] ports = [.. listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port)];
        foreach (var listener in listeners)
        {
            listener.Dispose();
        }

        return ports;
    }
}
