using System.Globalization;
using Ambient.Ztunnel.Tests.Support;
using Xunit.Abstractions;

namespace Ambient.Ztunnel.Tests.Paths;

/// <summary>How many system calls each of the two proxies of a connection makes, against bench/budgets.json.</summary>
[Collection(Alone.Name)]
[Trait("Faults", "Off")]
public sealed class SystemCallBudgetTests(ITestOutputHelper output)
{
    private const int Chunk = 256 * 1024;
    private const int Chunks = 256;

    [Fact]
    public async Task A_message_there_and_back_costs_no_more_than_its_budget()
    {
        await using var world = await TwoNodes.StartAsync();
        await world.Applications.EchoAsync(world.Server, 7020);
        var call = await world.Applications.OpenAsync(world.Client, "10.203.0.2:7020");
        var message = new string('m', 1024);
        Task PingAsync(int count) => RepeatAsync(count, async () => Assert.Equal(message, await call.EchoAsync(message)));
        await PingAsync(50);
        await CompareAsync("systemCallsPerMessage", 500, () => PingAsync(500));
        await call.CloseAsync();
    }

    [Fact]
    public async Task A_connection_over_a_warm_tunnel_costs_no_more_than_its_budget()
    {
        await using var world = await TwoNodes.StartAsync();
        await world.Applications.EchoAsync(world.Server, 7021);
        Task ConnectAsync(int count) => RepeatAsync(count, async () => Assert.Equal("x", await world.Applications.CallAsync(world.Client, "10.203.0.2:7021", "x")));
        await ConnectAsync(50);
        await CompareAsync("systemCallsPerConnect", 200, () => ConnectAsync(200));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Bulk_costs_no_more_than_its_budget(bool up)
    {
        await using var world = await TwoNodes.StartAsync();
        await world.Applications.SinkAsync(world.Server, 7022);
        await world.Applications.SourceAsync(world.Server, 7023);
        Task MoveAsync(int chunks) => up
            ? world.Applications.UploadAsync(world.Client, "10.203.0.2:7022", chunks * (long)Chunk)
            : world.Applications.DownloadAsync(world.Client, "10.203.0.2:7023", chunks * (long)Chunk);
        await MoveAsync(16);
        await CompareAsync(up ? "systemCallsPer256KiBUp" : "systemCallsPer256KiBDown", Chunks, () => MoveAsync(Chunks));
    }

    private static async Task RepeatAsync(int count, Func<Task> work)
    {
        for (var round = 0; round < count; round++)
        {
            await work();
        }
    }

    /// <summary>The best of three: a collection or a timer that falls into one of them counts there.</summary>
    private async Task CompareAsync(string budget, int operations, Func<Task> work)
    {
        var threads = SystemCallTrace.Threads("data-0");
        string[] names = [$"{budget}AtSource", $"{budget}AtDestination"]; // whose proxies are started in this order
        var best = new double[names.Length];
        Array.Fill(best, double.MaxValue);
        for (var attempt = 0; attempt < 3; attempt++)
        {
            var counts = await SystemCallTrace.CountAsync(threads, work);
            foreach (var (index, thread) in threads.Index())
            {
                var perOperation = counts[thread].Values.Sum() / (double)operations;
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{names[index]} {perOperation:0.00}: {Detail(counts[thread], operations)}"));
                best[index] = Math.Min(best[index], perOperation);
            }
        }

        Assert.All(names.Zip(best), figure => Assert.InRange(figure.Second, 0, Budgets.Of(figure.First)));
    }

    private static string Detail(Dictionary<string, int> calls, int operations) => string.Join(", ", calls
        .OrderByDescending(call => call.Value)
        .Select(call => string.Create(CultureInfo.InvariantCulture, $"{call.Key} {call.Value / (double)operations:0.00}")));
}
