using System.Net;
using System.Text.Json;
using Ambient.Linux;
using Ambient.Ztunnel.Tests.Support;
using Xunit.Abstractions;

namespace Ambient.Ztunnel.Tests.Paths;

/// <summary>
/// Many transfers at once through a pair of node proxies, over the tunnel and in plaintext. Without resets among the faults
/// (AMBIENT_FAULTS) each byte arrives; with them each connection delivers exactly its bytes or fails where the application sees it.
/// Nothing is left over in either case.
/// </summary>
[Collection(Alone.Name)]
public sealed class SoakTests(ITestOutputHelper output)
{
    private const int Transfers = 150;
    private const int AtOnce = 24;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static readonly bool _resets = Environment.GetEnvironmentVariable("AMBIENT_FAULTS")?.Contains("reset=", StringComparison.Ordinal) == true;

    [Fact]
    public async Task Every_transfer_is_exact_or_fails_at_both_ends_and_nothing_is_left()
    {
        var socketsBefore = OpenSockets();
        var transfers = new Support.Transfers();
        var world = await TwoNodes.StartAsync(threads: 2);
        try
        {
            await world.Applications.ListenAsync(world.Server, 7030, transfers.ServeAsync);
            await world.Applications.ListenAsync(world.Plain, 7030, transfers.ServeAsync);
            var clients = await CallAllAsync(world);
            Assert.DoesNotContain(Outcome.Hung, clients);
            await world.Applications.NoneIsServedAsync();
            Judge(clients, transfers.Served);
            await NothingIsLeftAsync(world);
            await RecoversAsync(world);
        }
        finally
        {
            var quitting = System.Diagnostics.Stopwatch.StartNew();
            await world.DisposeAsync();
            output.WriteLine($"ended in {quitting.ElapsedMilliseconds} ms");
            // A stream or a connection that nobody ends would hold its proxy up to the deadline of five seconds.
            Assert.InRange(quitting.ElapsedMilliseconds, 0, 4_500);
        }

        await RunningZtunnel.UntilAsync(() => OpenSockets() <= socketsBefore, "every socket is closed");
        Assert.DoesNotContain("failed unexpectedly", world.Source.Log + world.Destination.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("the data plane failed", world.Source.Log + world.Destination.Log, StringComparison.Ordinal);
    }

    private static async Task<Outcome[]> CallAllAsync(TwoNodes world)
    {
        var random = new Random(17);
        var clients = new Outcome[Transfers];
        using var places = new SemaphoreSlim(AtOnce);
        var running = new List<Task>();
        for (var index = 0; index < Transfers; index++)
        {
            var (id, up, down) = (index, Length(random), Length(random));
            var destination = IPEndPoint.Parse(index % 3 == 0 ? "10.203.0.3:7030" : "10.203.0.2:7030");
            await places.WaitAsync(TimeSpan.FromMinutes(2));
            running.Add(Task.Run(async () =>
            {
                try
                {
                    clients[id] = await world.Applications.OnSocketAsync(
                        world.Client, socket => Support.Transfers.CallAsync(socket, destination, id, up, down), Patience);
                }
                catch (TimeoutException)
                {
                    clients[id] = Outcome.Hung;
                }
                finally
                {
                    places.Release();
                }
            }));
        }

        await Task.WhenAll(running);
        return clients;
    }

    /// <summary>One byte to nine megabytes, small ones as likely as large ones.</summary>
    private static long Length(Random random) => (long)Math.Exp(random.NextDouble() * Math.Log(9e6));

    private void Judge(Outcome[] clients, IReadOnlyDictionary<long, Outcome> servers)
    {
        var pairs = clients.Select((client, id) => (Client: client, Server: servers.TryGetValue(id, out var server) ? server : (Outcome?)null)).ToList();
        foreach (var group in pairs.Index().GroupBy(pair => pair.Item, pair => pair.Index))
        {
            output.WriteLine($"{group.Count()} transfers ({string.Join(' ', group.Take(10))}): client {group.Key.Client}, server {group.Key.Server?.ToString() ?? "not reached"}");
        }

        Assert.DoesNotContain(pairs, pair => pair.Client is Outcome.Short or Outcome.Wrong || pair.Server is Outcome.Short or Outcome.Wrong);
        Assert.DoesNotContain(pairs, pair => pair is { Client: Outcome.Exact, Server: null });
        if (_resets)
        {
            Assert.Contains(pairs, pair => pair.Client == Outcome.Failed);
        }
        else
        {
            Assert.All(pairs, pair => Assert.Equal((Outcome.Exact, Outcome.Exact), (pair.Client, pair.Server)));
        }

        Assert.Contains(pairs, pair => pair is { Client: Outcome.Exact, Server: Outcome.Exact });
    }

    private static async Task NothingIsLeftAsync(TwoNodes world)
    {
        foreach (var ztunnel in new[] { world.Source, world.Destination })
        {
            await RunningZtunnel.UntilAsync(() => ztunnel.App.Budget.Held == 0, "the byte budget is free");
            for (var attempt = 0; ; attempt++)
            {
                var open = await OpenConnectionsAsync(ztunnel);
                if (open == 0)
                {
                    break;
                }

                Assert.True(attempt < 100, $"{open} connections are still known");
                await Task.Delay(100);
            }
        }
    }

    private static int OpenSockets() => Directory.GetFiles("/proc/self/fd")
        .Count(file => new FileInfo(file).LinkTarget?.StartsWith("socket:", StringComparison.Ordinal) == true);

    private static async Task<int> OpenConnectionsAsync(RunningZtunnel ztunnel)
    {
        using var dump = JsonDocument.Parse(await ztunnel.GetAsync(ztunnel.App.Servers.Admin, "/config_dump"));
        return dump.RootElement.GetProperty("workloadState").EnumerateObject()
            .Select(pod => pod.Value.GetProperty("connections"))
            .Sum(connections => connections.GetProperty("inbound").GetArrayLength() + connections.GetProperty("outbound").GetArrayLength());
    }

    private static async Task RecoversAsync(TwoNodes world)
    {
        var answered = 0;
        for (var attempt = 0; attempt < 40 && answered < 20; attempt++)
        {
            try
            {
                answered += await world.Applications.CallAsync(world.Client, "10.203.0.2:7001", "hello") == "seen 10.203.0.1" ? 1 : 0;
            }
            catch (LinuxException) when (_resets)
            {
                // The faults go on.
            }
        }

        Assert.Equal(20, answered);
    }
}
