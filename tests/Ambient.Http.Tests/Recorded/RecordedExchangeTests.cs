using Ambient.Http.Http1;
using Ambient.Http.Tests.Support;

namespace Ambient.Http.Tests.Recorded;

/// <summary>
/// Every recorded exchange through our codec on both sides: the same statuses, the same path and framing for the server, the same answer; sent
/// whole and in pieces of one byte. Where we differ on purpose, <see cref="RecordedDifferences"/> says so and why.
/// </summary>
public sealed class RecordedExchangeTests
{
    public static TheoryData<string> Cases() => [.. RecordedExchange.All.Select(exchange => exchange.Case).Distinct()];

    [Fact]
    public void Every_difference_is_one_of_a_recording() =>
        Assert.Empty(RecordedDifferences.Stricter.Keys.Except(RecordedExchange.All.Select(exchange => exchange.Case)));

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
        if (RecordedDifferences.Stricter.TryGetValue(recorded.Case, out var difference))
        {
            Assert.Equal(difference.Statuses, statuses);
            Assert.NotEqual(difference.Statuses, recorded.Statuses);
            if (statuses is [400])
            {
                Assert.All(outcome.Upstream, request => Assert.Contains(recorded.Case, RecordedDifferences.ServerSeesLess));
            }

            return;
        }

        Assert.Equal(recorded.Statuses, statuses);
        var forwarded = RecordedDifferences.ServerSeesHead.Contains(recorded.Case) ? [] : outcome.Upstream;
        Assert.Equal(recorded.Upstream.Select(ComparableMessages.Of), forwarded.Select(ComparableMessages.Of));
        if (recorded.Log.Any(entry => entry.EndsWith("via_upstream", StringComparison.Ordinal)) || recorded.Case == "websocket")
        {
            Assert.Equal(ComparableMessages.Of(recorded.Answer), ComparableMessages.Of(outcome.Answer));
        }
        else
        {
            Assert.Equal(Closes(recorded.Answer) || RecordedDifferences.ClosesToo.Contains(recorded.Case), Closes(outcome.Answer));
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
