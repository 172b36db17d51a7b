using System.Diagnostics;
using System.Security.Cryptography;
using Ambient.Sandbox.Runs;

namespace Ambient.Sandbox.Demo;

/// <summary>
/// The demo: a mesh from nothing, the sample application in it, traffic, and the proof of what the mesh promises. Every sentence that it
/// prints was checked a moment before.
/// </summary>
public sealed class SandboxDemo
{
    private const string WebIdentity = "spiffe://cluster.local/ns/shop/sa/web";

    private readonly SandboxConnection _sandbox;
    private readonly DemoScene _scene;
    private readonly Action<DemoStep> _show;
    private readonly List<DemoStep> _steps = [];
    private readonly string _marker = "marker-" + RandomNumberGenerator.GetHexString(24, lowercase: true);

    private SandboxDemo(SandboxConnection sandbox, Action<DemoStep> show)
    {
        _sandbox = sandbox;
        _scene = new DemoScene(sandbox);
        _show = show;
    }

    /// <summary>Deploys the sample into a sandbox that runs and shows all steps but the last.</summary>
    /// <param name="sandbox">The sandbox, with nothing but the mesh in it.</param>
    /// <param name="started">When its start began (<see cref="Stopwatch.GetTimestamp"/>).</param>
    /// <param name="progress">Is told what is being started.</param>
    /// <param name="show">Is told each step.</param>
    /// <param name="ct">Ends the demo.</param>
    /// <exception cref="SandboxException">The sample could not be started.</exception>
    public static async Task<IReadOnlyList<DemoStep>> RunAsync(
        SandboxConnection sandbox, long started, Action<string> progress, Action<DemoStep> show, CancellationToken ct)
    {
        var demo = new SandboxDemo(sandbox, show);
        progress("sample: four services in three namespaces, one behind a waypoint, and a stranger outside of the mesh");
        await demo._scene.DeployAsync(ct);
        demo.Add("started", $"Two nodes and the sample are up after {Stopwatch.GetElapsedTime(started).TotalSeconds:0.0} s.", true,
            $"{demo._scene.Web}, {demo._scene.Catalog}, {demo._scene.Ledger}, and outside of the mesh {demo._scene.Stranger}");
        var waypoint = new WaypointScene(sandbox, demo._scene);
        await waypoint.BeginAsync(ct);
        await demo.TrafficAsync(ct);
        await demo.StrangerAsync(ct);
        await demo.AccountsAsync(ct);
        await new RequestDemo(waypoint, demo.Add).RunAsync(ct);
        return demo._steps;
    }

    /// <summary>The last step of a demo: whether the sandbox, which has been taken away, left anything behind.</summary>
    public static DemoStep Clean(string sandbox)
    {
        var left = Leftovers.Find(sandbox);
        return new DemoStep("clean", "Everything has been taken away again.", left.Count == 0,
            left.Count == 0 ? ["no namespace, link, rule, process or file is left"] : [.. left.Select(thing => "left: " + thing)]);
    }

    /// <summary>Calls inside the mesh, with the link between the nodes under observation.</summary>
    private async Task TrafficAsync(CancellationToken ct)
    {
        var file = Path.Combine(RunDirectory.PathOf(_sandbox.Id), "link.pcap");
        await using var capture = await PacketCapture.StartAsync(Names.Node(_sandbox.Id, "node-2"), "eth0", file, ct);
        await CallAsync("service-name", "web reached catalog by its service name.", "http://catalog.shop/books", ct);
        await CallAsync("pod-ip", "web reached catalog by its pod's address.", $"http://{Bracketed(_scene.Catalog.Address)}:8080/books", ct);
        await IdentityAsync(ct);
        await DenialAsync(ct);
        Encryption(await capture.StopAsync(ct));
    }

    private async Task CallAsync(string name, string title, string url, CancellationToken ct)
    {
        var result = await _scene.CallAsync(_scene.Web, url, _marker, ct);
        var answer = DemoScene.Answer(result);
        var passed = answer is not null && answer.Pod == _scene.Catalog.Name && answer.Body == _marker && HostOf(answer.Peer) == _scene.Web.Address;
        Add(name, title, passed, answer is null
            ? [$"curl {url} in {_scene.Web}: exit code {result.ExitCode}, {Processes.Command.Said(result)}"]
            : [$"curl {url}", $"answered by {answer.Pod}, which saw the caller at {answer.Peer}: web's own address, not a proxy's"]);
    }

    private async Task IdentityAsync(CancellationToken ct)
    {
        var line = await _scene.WaitForLineAsync(
            line => line["direction"] == "inbound" && line["src.identity"] == WebIdentity && line["dst.workload"].StartsWith("catalog", StringComparison.Ordinal), ct);
        var passed = line is not null && HostOf(line["src.addr"]) == _scene.Web.Address && line.Node == _scene.Catalog.Node;
        Add("identity", "The receiving node knows who called, and from where.", passed, line is null
            ? [$"no line about {WebIdentity} in the access log of {_scene.Catalog.Node}"]
            : [$"access log of {line.Node}: src.identity={line["src.identity"]} src.addr={line["src.addr"]}",
               "the identity comes from the client's certificate, nothing else"]);
    }

    private async Task DenialAsync(CancellationToken ct)
    {
        var result = await _scene.CallAsync(_scene.Catalog, "http://ledger.bank/accounts", _marker, ct);
        var line = await _scene.WaitForLineAsync(
            line => line["direction"] == "inbound" && line["src.workload"].StartsWith("catalog", StringComparison.Ordinal) && line["error"].Length > 0, ct);
        var error = line?["error"] ?? "";
        var named = error.Contains("bank/no-catalog", StringComparison.Ordinal);
        var allowed = DemoScene.Answer(await _scene.CallAsync(_scene.Web, "http://ledger.bank/accounts", _marker, ct));
        Add("denied", "A policy denied catalog the ledger, and says which rule did.", result.ExitCode != 0 && named && allowed is not null,
            $"curl http://ledger.bank/accounts in {_scene.Catalog}: {(result.ExitCode == 0 ? "answered, which it must not" : Processes.Command.Said(result))}",
            line is null ? $"no line about it in the access log of {_scene.Ledger.Node}" : $"access log of {line.Node}: {error}",
            allowed is null ? "web was denied too, which it must not be" : "web, whom the policy names, got its answer from the ledger");
    }

    private void Encryption(IReadOnlyList<CapturedPacket> packets)
    {
        var report = LinkInspection.Inspect(packets, _scene.IsPod, _marker);
        var passed = report is { Tunnels: > 0, TlsRecords: > 0, MarkerSightings: 0 } && report.OtherPorts.Count == 0 && report.NotTls.Count == 0;
        Add("encrypted", "On the link between the nodes there was only TLS, and nothing of the payload.", passed,
            [
                $"{report.Frames} frames captured; {report.PodFrames} between pods, all of them on port {Api.Ports.Hbone}: {report.Tunnels} tunnel connections, {report.TunnelBytes} bytes, {report.TlsRecords} TLS records, nothing else",
                $"the marker '{_marker}', sent in every call and answer, was found in {report.MarkerSightings} frames",
                .. report.OtherPorts.Select(flow => "not in a tunnel: " + flow),
                .. report.NotTls.Select(flow => "not TLS: " + flow),
            ]);
    }

    /// <summary>A pod without identity, at the door of a namespace that is STRICT.</summary>
    private async Task StrangerAsync(CancellationToken ct)
    {
        var url = $"http://{Bracketed(_scene.Ledger.Address)}:8080/accounts";
        var result = await _scene.CallAsync(_scene.Stranger, url, "hello", ct);
        var line = await _scene.WaitForLineAsync(
            line => line["direction"] == "inbound" && HostOf(line["src.addr"]) == _scene.Stranger.Address && line["error"].Length > 0, ct);
        Add("strict", "Plaintext to a namespace that wants encryption was refused.", result.ExitCode != 0 && line is not null,
            $"curl {url} in {_scene.Stranger}: {(result.ExitCode == 0 ? "answered, which it must not" : Processes.Command.Said(result))}",
            line is null ? $"no line about it in the access log of {_scene.Ledger.Node}" : $"access log of {line.Node}: {line["error"]}");
    }

    /// <summary>Metrics against access logs, and one side against the other.</summary>
    private async Task AccountsAsync(CancellationToken ct)
    {
        await Task.Delay(200, ct); // the last connection's metrics are written with its line, scraped a moment later
        var lines = await _scene.AccessLinesAsync(ct);
        var facts = new List<string>();
        var passed = true;
        var totals = new Dictionary<string, (long Sent, long Received)>();
        foreach (var (reporter, direction) in new[] { ("source", "outbound"), ("destination", "inbound") })
        {
            for (var node = 1; node <= _sandbox.Nodes; node++)
            {
                var metrics = await _scene.MetricsAsync(node, ct);
                var own = lines.Where(line => line.Node == $"node-{node}" && line["direction"] == direction).ToArray();

                // The source's metrics count as the service does: what the client received, the service sent.
                var flipped = reporter == "source";
                var (sent, received) = (own.Sum(line => line.Number(flipped ? "bytes_recv" : "bytes_sent")), own.Sum(line => line.Number(flipped ? "bytes_sent" : "bytes_recv")));
                var opened = MetricSums.Sum(metrics, "istio_tcp_connections_opened_total", reporter);
                var closed = MetricSums.Sum(metrics, "istio_tcp_connections_closed_total", reporter);
                var (sentMetric, receivedMetric) = (MetricSums.Sum(metrics, "istio_tcp_sent_bytes_total", reporter), MetricSums.Sum(metrics, "istio_tcp_received_bytes_total", reporter));
                var equal = opened == own.Length && closed == own.Length && sentMetric == sent && receivedMetric == received;
                passed &= equal;
                facts.Add($"node-{node} as {reporter}: {own.Length} connections and {sent} + {received} bytes logged, {opened} opened, {closed} closed and {sentMetric} + {receivedMetric} bytes counted{(equal ? "" : " — not equal")}");
                totals[reporter] = totals.GetValueOrDefault(reporter) is var sum ? (sum.Sent + sent, sum.Received + received) : default;
            }
        }

        var balanced = totals["source"] == totals["destination"];
        facts.Add($"all bytes that the calling sides counted arrived at the receiving sides: {totals["source"].Sent} + {totals["source"].Received} = {totals["destination"].Sent} + {totals["destination"].Received}{(balanced ? "" : " — not equal")}");
        Add("accounted", "Metrics and access logs of both nodes account for every connection and byte.", passed && balanced, [.. facts]);
    }

    private void Add(string name, string title, bool passed, params string[] facts)
    {
        var step = new DemoStep(name, title, passed, facts);
        _steps.Add(step);
        _show(step);
    }

    private static string HostOf(string address) => address.LastIndexOf(':') is var at and > 0 ? address[..at].Trim('[', ']') : address;

    private static string Bracketed(string address) => address.Contains(':') ? $"[{address}]" : address;
}
