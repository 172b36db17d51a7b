using System.Collections.Immutable;
using System.Net.Sockets;
using System.Text;
using Ambient.Hbone;
using Ambient.Http;
using Ambient.Http.Tests.Recorded;
using Ambient.Mesh.Http;
using Ambient.Mesh.Model;
using Ambient.Waypoint.Requests;

namespace Ambient.Waypoint.Tests.Requests.Recorded;

/// <summary>
/// Every recorded exchange through the whole path, over sockets, sent whole and in pieces of one byte: the same statuses, the same requests for
/// the server, the same answer, the same response flags. Wanted differences are those of the codec (<see cref="RecordedDifferences"/>), and of
/// the flags those below.
/// </summary>
public sealed class RecordedPathTests : RequestFixture
{
    private const string Gone = "shop/gone.shop.svc.cluster.local";

    /// <summary>Flags that we tell otherwise, and why.</summary>
    private static readonly Dictionary<string, (string Flags, string Why)> OtherFlags = new()
    {
        ["websocket"] = ("-", "an upgraded connection that both sides have ended is no failure; the recorded proxy tells every end as UC"),
    };

    /// <summary>The head went on and the body then broke off, or was malformed: how much of it the server saw is a matter of moments.</summary>
    private static readonly HashSet<string> EndsInBody =
    [
        "chunk lines by LF", "chunk size 0x5", "chunk size +5", "chunk without the last", "chunk extension with a bare LF",
    ];

    private RecordedUpstream _upstream = null!;

    public static TheoryData<string> Cases() => [.. RecordedExchange.All.Select(exchange => exchange.Case).Distinct()];

    internal override RequestSettings Settings => new()
    {
        Loops = 1,
        Budget = new ByteBudget(ByteBudget.DefaultLimit),
        Http = new HttpLimits { HeadTimeout = TimeSpan.FromSeconds(1) },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task The_same_verdict_path_framing_answer_and_flags(string name)
    {
        foreach (var recorded in RecordedExchange.All.Where(exchange => exchange.Case == name))
        {
            foreach (var piece in new[] { int.MaxValue, 1 })
            {
                if (piece == 1 && recorded.Sent.Length > 20_000)
                {
                    continue; // a minute of packets; the codec's own tests cut these too
                }

                await CheckAsync(recorded, piece);
            }
        }
    }

    protected override Task PrepareAsync()
    {
        var none = RetryPolicy.None;
        Serve(service: Gone, endpoints: RawServer.Nobody());
        Serve(Routes(
            Answer(PathMatchKind.Exact, "/exact"),
            Answer(PathMatchKind.Segments, "/sep"),
            To("/gone", new Backend { Service = Gone, Port = 80 }) with { Retry = none },
            To("/slow") with { Timeout = TimeSpan.FromSeconds(1), Retry = none },
            To("/retry") with { Retry = new RetryPolicy { Attempts = 2, Conditions = RetryConditions.ServerError | RetryConditions.Reset } },
            To("/") with { Retry = none }) with
        {
            Policies = ["shop/p"],
        });
        Waypoint.Apply(new WaypointUpdate
        {
            Policies = { Policy("shop/p", HttpPolicyAction.Deny, new HttpOperation { Paths = [new PathPattern(new StringMatch(StringMatchKind.Prefix, "/admin"), null)] }) },
        });
        return Task.CompletedTask;
    }

    private static HttpRoute Answer(PathMatchKind kind, string path) => new()
    {
        Source = "HTTPRoute shop/answers",
        Rule = path,
        Matches = [new RouteMatch { Path = new PathMatcher(kind, path) }],
        Response = new ResponseAction(299, path[1..]),
    };

    private async Task CheckAsync(RecordedExchange recorded, int piece)
    {
        await using (_upstream = new RecordedUpstream())
        {
            var before = (await LogAsync(0)).Length;
            var workload = Endpoint(Shop, _upstream.Address, "server");
            Mesh.Apply(new Mesh.State.MeshUpdate { Workloads = { workload } });
            var wanted = RecordedDifferences.Stricter.TryGetValue(recorded.Case, out var difference) ? difference.Statuses : recorded.Statuses;
            string answer;
            await using (var client = await RawClient.ConnectAsync(Address))
            {
                answer = await ExchangeAsync(client, recorded, piece, wanted);
            }

            Assert.Equal(wanted, StatusesOf(answer));
            if (difference.Statuses is not null)
            {
                if (wanted is [400])
                {
                    Assert.All(_upstream.Received, _ => Assert.Contains(recorded.Case, RecordedDifferences.ServerSeesLess));
                }

                return;
            }

            // What never became a request has no record; the recorded proxy has one for it.
            var records = recorded.Statuses.Length + recorded.Upstream.Length > 0 ? recorded.Log.Length : 0;
            var lines = (await LogAsync(before + records))[before..];
            if (EndsInBody.Contains(recorded.Case))
            {
                Assert.All(_upstream.Received, request => Assert.Equal(recorded.Upstream[0].Split("\r\n")[0], request.Split("\r\n")[0]));
                return;
            }

            var forwarded = RecordedDifferences.ServerSeesHead.Contains(recorded.Case) ? [] : _upstream.Received.Select(request => request.Replace("ping", "", StringComparison.Ordinal));
            Assert.Equal(recorded.Upstream.Select(ComparableMessages.Of), forwarded.Select(WithoutOurs).Select(ComparableMessages.Of));
            if (recorded.Log.Any(entry => entry.EndsWith("via_upstream", StringComparison.Ordinal)) || recorded.Case == "websocket")
            {
                Assert.Equal(ComparableMessages.Of(recorded.Answer), ComparableMessages.Of(answer));
            }
            else if (recorded.Log is [var only] && !only.Contains("DPE", StringComparison.Ordinal) && recorded.Answer.Contains("upstream ", StringComparison.Ordinal))
            {
                Assert.Equal(ComparableMessages.Of(recorded.Answer), ComparableMessages.Of(answer));
            }

            if (recorded.Log.Length > 0 && recorded.Statuses.Length > 0)
            {
                var flags = OtherFlags.TryGetValue(recorded.Case, out var other) ? [other.Flags] : recorded.Log.Select(entry => entry.Split(' ')[1]);
                Assert.Equal(flags, lines.Select(line => line.Split("flags=\"")[1].Split('"')[0]));
            }
        }
    }

    /// <summary>What the recorded proxy does not add.</summary>
    private static string WithoutOurs(string request) => string.Join("\r\n", request.Split("\r\n").Where(line =>
        !line.StartsWith("traceparent: 00-", StringComparison.Ordinal) || !line.EndsWith("-00", StringComparison.Ordinal))
        .Select(line => line.StartsWith("x-request-id: ", StringComparison.Ordinal) && line.Length == 50 ? "x-request-id: <uuid>" : line));

    private static async Task<string> ExchangeAsync(RawClient client, RecordedExchange recorded, int piece, int[] wanted)
    {
        var bytes = Encoding.Latin1.GetBytes(recorded.Sent);
        try
        {
            for (var at = 0; at < bytes.Length; at += Math.Min(piece, bytes.Length))
            {
                await client.SendAsync(bytes.AsMemory(at, Math.Min(piece, bytes.Length - at)));
            }

            if (recorded.HalfClosed)
            {
                client.Socket.Shutdown(SocketShutdown.Send);
            }
        }
        catch (SocketException)
        {
            // Refused before it was all sent.
        }

        var answer = new StringBuilder();
        var pinged = false;
        var buffer = new byte[64 * 1024];
        for (var quiet = 0; quiet < (IsWhole(answer.ToString(), recorded, wanted) ? 1 : 20); quiet++)
        {
            using var timeout = new CancellationTokenSource(TimeSpan.FromMilliseconds(recorded.Statuses is [408] or [504] ? 500 : wanted.Length == 0 ? 10 : 100));
            try
            {
                while (!IsWhole(answer.ToString(), recorded, wanted) || piece == 1)
                {
                    var count = await client.Socket.ReceiveAsync(buffer.AsMemory(), timeout.Token);
                    if (count == 0)
                    {
                        return answer.ToString();
                    }

                    quiet = 0;
                    answer.Append(Encoding.Latin1.GetString(buffer, 0, count));
                    if (recorded.Case == "websocket" && !pinged && answer.ToString().Contains("frames", StringComparison.Ordinal))
                    {
                        pinged = true;
                        await client.SendAsync("ping");
                    }
                }
            }
            catch (OperationCanceledException)
            {
                // Quiet.
            }
            catch (SocketException)
            {
                return answer.ToString();
            }
        }

        return answer.ToString();
    }

    private static bool IsWhole(string answer, RecordedExchange recorded, int[] wanted) =>
        wanted.Length > 0 && StatusesOf(answer).SequenceEqual(wanted)
        && (recorded.Case == "websocket" ? answer.EndsWith("echo:ping", StringComparison.Ordinal)
            : answer.Length >= (recorded.Answer.Length / 2) && answer.Contains("\r\n\r\n", StringComparison.Ordinal) && BodyIsThere(answer, recorded));

    private static bool BodyIsThere(string answer, RecordedExchange recorded)
    {
        var last = answer[answer.LastIndexOf("HTTP/1.1 ", StringComparison.Ordinal)..];
        var head = last.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        if (head < 0 || last.Contains("connection: close", StringComparison.Ordinal))
        {
            return false; // wait for the end
        }

        var length = last.Split("\r\n").FirstOrDefault(line => line.StartsWith("content-length: ", StringComparison.Ordinal));
        return recorded.Sent.StartsWith("HEAD", StringComparison.Ordinal) || recorded.Statuses is [304]
            || (last.Contains("transfer-encoding: chunked", StringComparison.Ordinal)
                ? last.EndsWith("0\r\n\r\n", StringComparison.Ordinal)
                : length is null || last.Length - head - 4 >= int.Parse(length[16..]));
    }

    private static List<int> StatusesOf(string answer)
    {
        var statuses = new List<int>();
        for (var at = answer.IndexOf("HTTP/1.1 ", StringComparison.Ordinal); at >= 0; at = answer.IndexOf("HTTP/1.1 ", at + 1, StringComparison.Ordinal))
        {
            statuses.Add(int.Parse(answer.AsSpan(at + 9, 3)));
        }

        return statuses;
    }
}
