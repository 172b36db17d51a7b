using System.Collections.Concurrent;
using System.Globalization;
using Ambient.Sandbox.Processes;

namespace Ambient.Sandbox.Tests.EndToEnd;

/// <summary>A waypoint that is scaled, restarted and killed while requests run: none is lost that may be sent again, and none goes around it.</summary>
[Collection(MeshCollection.Name)]
public sealed class WaypointKillTests(MeshFixture mesh) : IAsyncLifetime
{
    private WaypointScene _scene = null!; // by InitializeAsync

    public async Task InitializeAsync() => _scene = await mesh.WaypointAsync();

    public async Task DisposeAsync() => await ScaleAsync(1);

    [Fact]
    public async Task Scaled_and_restarted_under_load_no_request_is_lost_and_none_goes_around()
    {
        var gates = new HashSet<string>(StringComparer.Ordinal);
        await Learn();
        var results = await WithLoadAsync(async () =>
        {
            await ScaleAsync(2);
            await Learn();
            await Task.Delay(1000);

            // A rolling restart: pods come before others go.
            await _scene.Mesh.KubectlOkAsync(null, "rollout", "restart", "-n", WaypointScene.Namespace, "deployment/gate");
            await Wait.ForAsync(async () =>
            {
                await Learn();
                return (await _scene.Mesh.KubectlAsync(null, "rollout", "status", "-n", WaypointScene.Namespace, "deployment/gate", "--timeout=1s")).ExitCode == 0;
            }, TimeSpan.FromSeconds(40), "the restart");
            await _scene.GateIsReadyAsync("gate", 2);
            await Learn();
        });
        AssertNoneLost(results);
        Assert.All(results, result => Assert.Contains(result.Peer, gates));

        async Task Learn() => gates.UnionWith((await _scene.GatePodsAsync()).Select(pod => pod.Status!.PodIP!));
    }

    /// <summary>SIGKILL of one of two: what it had in hand gets no answer; who asks again is served, and nothing goes around.</summary>
    [Fact]
    public async Task Killed_under_load_every_request_is_answered_in_the_end_and_none_goes_around()
    {
        await ScaleAsync(2);
        var gates = (await _scene.GatePodsAsync()).Select(pod => pod.Status!.PodIP!).ToHashSet(StringComparer.Ordinal);
        var results = await WithLoadAsync(async () =>
        {
            var victim = (await _scene.GatePodsAsync())[0];
            var process = await PodExec.FindAsync(_scene.Mesh.Sandbox.Id, _scene.Mesh.Client, WaypointScene.Namespace, victim.Metadata.Name, null, default);
            await Command.RunAsync("/bin/sh", ["-c", $"kill -9 {process}"]);
            await Task.Delay(1000);
            await _scene.GateIsReadyAsync("gate", 2);
        });
        AssertNoneLost(results);
        Assert.All(results, result => Assert.Contains(result.Peer, gates));
    }

    private const int Callers = 4;

    private async Task ScaleAsync(int replicas)
    {
        await _scene.Mesh.KubectlOkAsync(null, "scale", "-n", WaypointScene.Namespace, "deployment/gate", $"--replicas={replicas}");
        await _scene.GateIsReadyAsync("gate", replicas);
    }

    /// <summary>
    /// Requests on connections that are kept. They are GETs, so who gets no answer asks again, as clients of such services do: twice, after one
    /// and two seconds. What is unanswered then is lost.
    /// </summary>
    private async Task<IReadOnlyList<(string Peer, string Words)>> WithLoadAsync(Func<Task> happens)
    {
        var caller = await _scene.PodAsync("friend");
        var results = new ConcurrentQueue<(string, string)>();
        using var stop = new CancellationTokenSource();
        var load = Enumerable.Range(0, Callers).Select(async _ =>
        {
            while (!stop.IsCancellationRequested)
            {
                // 20 requests on one connection, then a new one; an error is a line of its own.
                var result = await PodExec.CaptureAsync(_scene.Mesh.Sandbox.Id, _scene.Mesh.Client, WaypointScene.Namespace, caller.Metadata.Name,
                    ["curl", "--silent", "--show-error", "--retry", "2", "--retry-all-errors", "--max-time", "10", "--noproxy", "*", "--write-out", "\n@%{http_code} %{errormsg}\n", "http://server-v1.gated/[1-20]"], default);
                var answer = "";
                foreach (var line in result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
                {
                    if (line[0] == '@')
                    {
                        results.Enqueue(line.StartsWith("@200", StringComparison.Ordinal) && answer.Length > 0 ? (PeerOf(answer), line) : ("", $"{line} {answer}"));
                        answer = "";
                    }
                    else
                    {
                        answer = line;
                    }
                }
            }
        }).ToArray();
        await Task.Delay(500);
        await happens();
        await Task.Delay(500);
        await stop.CancelAsync();
        await Task.WhenAll(load).WaitAsync(TimeSpan.FromSeconds(30));
        return [.. results];
    }

    private static string PeerOf(string answer)
    {
        var at = answer.IndexOf("\"peer\":\"", StringComparison.Ordinal) + 8;
        return answer[at..answer.IndexOf(':', at)];
    }

    private static void AssertNoneLost(IReadOnlyList<(string Peer, string Words)> results)
    {
        var lost = results.Where(result => result.Peer.Length == 0).Select(result => result.Words).ToArray();
        Assert.True(lost.Length == 0, string.Create(CultureInfo.InvariantCulture, $"{lost.Length} of {results.Count} requests: {string.Join("; ", lost.Distinct().Take(8))}"));
        Assert.True(results.Count > 100, $"only {results.Count} requests");
    }
}
