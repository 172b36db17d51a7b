using Ambient.Http.Http1;
using Ambient.Http.Tests.Support;

namespace Ambient.Http.Tests.Recorded;

/// <summary>
/// Every recorded exchange through our codec on both sides: the same statuses, the same path and framing for the server, the same answer; sent
/// whole and in pieces of one byte. Where we differ on purpose, the table below says so and why.
/// </summary>
public sealed class RecordedExchangeTests
{
    private const string OneReading = "a lenient reading of line ends, folds or spaces is where two recipients differ (RFC 9112 §2.2, §3, §5.2, §11.2): refused";

    /// <summary>What we answer instead, and why.</summary>
    private static readonly Dictionary<string, (int[] Statuses, string Why)> Stricter = new()
    {
        ["two Hosts"] = ([400], "more than one Host is an error (RFC 9112 §3.2)"),
        ["same Host twice"] = ([400], "more than one Host is an error (RFC 9112 §3.2)"),
        ["absolute form with credentials"] = ([400], "user information in an http URI is an error (RFC 9110 §4.2.4)"),
        ["Host with credentials"] = ([400], "Host is host and port, nothing else (RFC 9112 §3.2)"),
        ["chunk data too long"] = ([400], "the data of a chunk ends by CRLF (RFC 9112 §7.1)"),
        ["line ends by LF"] = ([400], OneReading),
        ["two spaces in the request line"] = ([400], OneReading),
        ["header: CR in a value"] = ([400], "a bare CR is invalid (RFC 9112 §2.2)"),
        ["header: LF in a value"] = ([400], OneReading),
        ["header: folded line"] = ([400], OneReading),
        ["answer: 103"] = ([103, 200], "a proxy passes interim responses on (RFC 9110 §15.2)"),
        ["HTTP/2 preface"] = ([400], "which protocol a connection speaks was decided before the codec of HTTP/1.1 gets it"),
    };

    /// <summary>What the codec refuses ends the connection, whatever it is.</summary>
    private static readonly HashSet<string> ClosesToo = ["asterisk with OPTIONS"];

    /// <summary>The head went on before the body was seen to be malformed, as it does in the other recordings of malformed bodies.</summary>
    private static readonly HashSet<string> ServerSeesHead = ["chunk size overflow"];

    /// <summary>Exchanges whose server may have seen less than the recorded one, because we refuse the request before its end.</summary>
    private static readonly HashSet<string> ServerSeesLess = ["chunk data too long"];

    public static TheoryData<string> Cases() => [.. RecordedExchange.All.Select(exchange => exchange.Case).Distinct()];

    [Fact]
    public void Every_difference_is_one_of_a_recording() =>
        Assert.Empty(Stricter.Keys.Except(RecordedExchange.All.Select(exchange => exchange.Case)));

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_same_verdict_path_framing_and_answer(string name)
    {
        foreach (var recorded in RecordedExchange.All.Where(exchange => exchange.Case == name))
        {
            var whole = Run(recorded, int.MaxValue);
            var pieces = Run(recorded, 1);
            Assert.Equal(whole.Answer, pieces.Answer);
            Assert.Equal(whole.Upstream.Select(ComparableMessages.Of), pieces.Upstream.Select(ComparableMessages.Of));
            Check(recorded, whole);
        }
    }

    private static void Check(RecordedExchange recorded, Outcome outcome)
    {
        var statuses = StatusesOf(outcome.Answer);
        if (Stricter.TryGetValue(recorded.Case, out var difference))
        {
            Assert.Equal(difference.Statuses, statuses);
            Assert.NotEqual(difference.Statuses, recorded.Statuses);
            if (statuses is [400])
            {
                Assert.All(outcome.Upstream, request => Assert.Contains(recorded.Case, ServerSeesLess));
            }

            return;
        }

        Assert.Equal(recorded.Statuses, statuses);
        var forwarded = ServerSeesHead.Contains(recorded.Case) ? [] : outcome.Upstream;
        Assert.Equal(recorded.Upstream.Select(ComparableMessages.Of), forwarded.Select(ComparableMessages.Of));
        if (recorded.Log.Any(entry => entry.EndsWith("via_upstream", StringComparison.Ordinal)) || recorded.Case == "websocket")
        {
            Assert.Equal(ComparableMessages.Of(recorded.Answer), ComparableMessages.Of(outcome.Answer));
        }
        else
        {
            Assert.Equal(Closes(recorded.Answer) || ClosesToo.Contains(recorded.Case), Closes(outcome.Answer));
            Assert.Equal(recorded.Log.Any(entry => entry.Contains(" DPE ", StringComparison.Ordinal)), outcome.Refusals is [{ Flag: "DPE" }]);
        }
    }

    private static Outcome Run(RecordedExchange recorded, int pieces)
    {
        var server = new RecordedServer();
        var edge = new RecordedEdge(server);
        var transport = new MemoryTransport();
        var connection = new Http1ServerConnection(transport.Near, new HttpLimits(), edge);
        var running = connection.RunAsync();
        var answer = "";
        transport.Send(recorded.Sent, pieces);
        Settle();
        if (recorded.HalfClosed)
        {
            transport.CloseFar();
        }
        else if (recorded.Case == "websocket")
        {
            transport.Send("ping", pieces: 4);
        }
        else if (recorded.Statuses is [408])
        {
            for (var second = 0; second <= 11; second++)
            {
                connection.Tick(second * 1_000);
            }
        }

        Settle();
        connection.Abort();
        Settle();
        Assert.Null(running.Exception);
        Assert.True(running.IsCompleted, "the connection does not end");
        return new Outcome(answer, [.. server.Received.Select(request => request.Replace("ping", "", StringComparison.Ordinal))], edge.Refusals);

        void Settle()
        {
            do
            {
                answer += transport.Received();
            }
            while (server.Run());

            answer += transport.Received();
        }
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

    private static bool Closes(string answer) => answer.Contains("connection: close\r\n", StringComparison.Ordinal);

    private sealed record Outcome(string Answer, IReadOnlyList<string> Upstream, List<Refusal> Refusals);
}
