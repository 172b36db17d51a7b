using System.Net.Sockets;

namespace Ambient.Linux.Tests;

/// <summary>Whether entering other namespaces stays without trace in the process's threads.</summary>
[Collection(Alone.Name)]
public sealed class ThreadInheritanceTests(TestNetwork network) : IClassFixture<TestNetwork>, IAsyncLifetime
{
    private readonly EventLoop _loop = EventLoop.Start("inheritance");

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _loop.DisposeAsync().AsTask().WithinLimit();

    /// <summary>
    /// The pitfall: a thread that is started while its parent is inside a pod's namespace stays there for good, and every socket
    /// that it makes is the pod's. So all threads are looked at, while the pool is made to start new ones.
    /// </summary>
    [Fact]
    public async Task No_thread_ever_stays_in_a_pods_namespace()
    {
        ThreadPool.GetMinThreads(out var workers, out var completion);
        ThreadPool.SetMinThreads(workers + 8, completion);
        var ended = false;
        var busy = Task.Run(async () =>
        {
            while (!Volatile.Read(ref ended))
            {
                await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(() => Thread.Sleep(1))));
                await Task.Delay(3); // the other tests use the pool too
            }
        });
        try
        {
            for (var round = 0; round < 20; round++)
            {
                await _loop.RunAsync(async () =>
                {
                    for (var count = 0; count < 250; count++)
                    {
                        var space = count % 2 == 0 ? network.A : network.B;
                        using var socket = TcpSocket.Create(_loop, AddressFamily.InterNetwork, space);
                        if (count % 16 == 0)
                        {
                            await Task.Yield();
                        }
                    }

                    _ = network.A.ReadText("/proc/sys/net/ipv6/conf/lo/disable_ipv6");
                }).WithinLimit();
                Assert.Empty(ThreadsElsewhere());
            }
        }
        finally
        {
            Volatile.Write(ref ended, true);
            await busy;
            ThreadPool.SetMinThreads(workers, completion);
        }

        await Task.Run(() => Assert.Empty(ThreadsElsewhere()));
    }

    private static List<string> ThreadsElsewhere()
    {
        var home = new FileInfo("/proc/self/ns/net").LinkTarget;
        var elsewhere = new List<string>();
        foreach (var thread in Directory.GetDirectories("/proc/self/task"))
        {
            // A loop of another test may be inside for the microseconds of a socket; who stays is seen again.
            string? space = null;
            for (var look = 0; look < 5; look++)
            {
                try
                {
                    space = new FileInfo(thread + "/ns/net").LinkTarget;
                }
                catch (IOException)
                {
                    space = home; // it has ended
                }

                if (space is null || space == home)
                {
                    break;
                }

                Thread.Sleep(2);
            }

            if (space is not null && space != home)
            {
                elsewhere.Add($"{thread}: {space}");
            }
        }

        return elsewhere;
    }
}
