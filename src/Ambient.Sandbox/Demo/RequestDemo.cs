using System.Security.Cryptography;
using Ambient.Sandbox.Processes;

namespace Ambient.Sandbox.Demo;

/// <summary>The part of the demo at the waypoint: requests split, denied, tried again and counted.</summary>
internal sealed class RequestDemo(WaypointScene scene, Action<string, string, bool, string[]> add)
{
    private const int Requests = 200;

    /// <summary>
    /// How many of them may go to the version that gets one in ten: 20 on average, with a standard deviation of 4.2. Fewer than 2 or more
    /// than 45 come about by chance once in ten million demos.
    /// </summary>
    private const int Fewest = 2, Most = 45;

    private int _answered;
    private int _denied;

    /// <summary>Shows all of it.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        _answered = await scene.ReadyAsync(ct);
        await SplitAsync(ct);
        await DenialAsync(ct);
        await RetryAsync(ct);
        await CountsAsync(ct);
    }

    private async Task SplitAsync(CancellationToken ct)
    {
        var result = await scene.CurlAsync(["--write-out", "\\n", $"{WaypointScene.Url}/[1-{Requests}]"], ct);
        var answers = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => DemoScene.Answer(new CommandResult(0, line, ""))).OfType<Echo.EchoAnswer>().ToArray();
        var (first, second) = (answers.Count(answer => answer.Pod.StartsWith("reviews-v1", StringComparison.Ordinal)), answers.Count(answer => answer.Pod.StartsWith("reviews-v2", StringComparison.Ordinal)));
        _answered += answers.Length;
        add("split", "A waypoint for one service account split its requests nine to one over two versions.",
            first + second == Requests && second is >= Fewest and <= Most,
            [
                $"waypoint {scene.Waypoint} stands before all that runs as press/reviews; web and reviews know nothing of it",
                $"curl {WaypointScene.Url}/[1-{Requests}]: {first} answered by version 1, {second} by version 2{(answers.Length == Requests ? "" : $"; {Requests - answers.Length} not answered: {Command.Said(result)}")}",
            ]);
    }

    private async Task DenialAsync(CancellationToken ct)
    {
        var status = await StatusAsync(["--request", "DELETE", WaypointScene.Url + "/1"], ct);
        var other = await StatusAsync([WaypointScene.Url + "/1"], ct);
        _denied += status == "403" ? 1 : 0;
        _answered += other == "200" ? 1 : 0;
        var line = await scene.WaitForLineAsync(line => line["method"] == "DELETE", ct);
        var explained = await scene.ExplainAsync("DELETE", "/1", ct);
        var verdict = explained.Output.Split('\n').FirstOrDefault(said => said.StartsWith("Refused", StringComparison.Ordinal)) ?? Command.Said(explained);
        var named = line?["error"].Contains("press/no-delete (rule 0", StringComparison.Ordinal) == true
            && verdict.Contains("press/no-delete (rule 0: method DELETE is one of [DELETE])", StringComparison.Ordinal);
        add("request-denied", "A DELETE was denied, by name of policy and rule; a GET passed.", status == "403" && other == "200" && named,
            [
                $"curl --request DELETE {WaypointScene.Url}/1: {status}; without it: {other}",
                line is null ? "no line about it in the waypoint's access log" : $"access log of the waypoint: {line["error"]}",
                $"ambientctl explain shop/web reviews.press:80 DELETE /1: {verdict}",
            ]);
    }

    private async Task RetryAsync(CancellationToken ct)
    {
        // Each pod fails the first request of the key; whichever is asked first, and next, one of them has had its failure by the third.
        var key = RandomNumberGenerator.GetHexString(8, lowercase: true);
        var url = $"{WaypointScene.Url}/?fail=1&key={key}";
        var status = await StatusAsync([url], ct);
        _answered += status == "200" ? 1 : 0;
        var line = await scene.WaitForLineAsync(line => line["path"].Contains(key, StringComparison.Ordinal), ct);
        add("retried", "A failing backend was asked again, and the client saw nothing of it.", status == "200" && line?.Number("attempts") > 1,
            [
                $"curl '{url}', which a backend answers with 503 the first time: {status}",
                line is null ? "no line about it in the waypoint's access log" : $"access log of the waypoint: attempts={line["attempts"]} status={line["status"]} route={line["route"]}",
            ]);
    }

    private async Task CountsAsync(CancellationToken ct)
    {
        var (answered, denied) = (-1L, -1L);
        for (var attempt = 0; attempt < 30 && (answered, denied) != (_answered, _denied); attempt++)
        {
            await Task.Delay(attempt == 0 ? 0 : 100, ct); // a request is counted when its answer has been sent
            var metrics = await scene.MetricsAsync(ct);
            answered = MetricSums.Sum(metrics, "istio_requests_total", "waypoint", "response_code=\"200\"");
            denied = MetricSums.Sum(metrics, "istio_requests_total", "waypoint", "response_code=\"403\"");
        }

        add("counted", "The waypoint counted every request, by its answer.", (answered, denied) == (_answered, _denied),
            [
                $"istio_requests_total{{reporter=\"waypoint\",response_code=\"200\"}} {answered}: web had {_answered} answers",
                $"istio_requests_total{{reporter=\"waypoint\",response_code=\"403\"}} {denied}: web had {_denied} refused",
            ]);
    }

    private async Task<string> StatusAsync(string[] arguments, CancellationToken ct)
    {
        var result = await scene.CurlAsync(["--output", "/dev/null", "--write-out", "%{http_code}", .. arguments], ct);
        return result.ExitCode == 0 ? result.Output.Trim() : Command.Said(result);
    }
}
