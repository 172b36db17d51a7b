using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Ambient.Linux;

namespace Ambient.Bench.Subjects;

/// <summary>Asks programs inside a network namespace, over its loopback, whether they are ready.</summary>
internal sealed class Probe : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Short against what is measured, a start of a tenth of a second or more, and not so short that asking slows it down.</summary>
    private static readonly TimeSpan BetweenQuestions = TimeSpan.FromMilliseconds(2);

    private static readonly EventLoop Loop = EventLoop.Start("probe");

    private readonly NetworkNamespace _space;

    public Probe(string space) => _space = NetworkNamespace.Open($"/var/run/netns/{space}");

    public void Dispose() => _space.Dispose();

    /// <summary>Completes as soon as somebody listens.</summary>
    public Task UntilListeningAsync(int port) => UntilAsync(port, async socket =>
    {
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), ConnectTimeout);
        return true;
    });

    /// <summary>Completes as soon as a program is ready in its own way.</summary>
    public Task UntilReadyAsync(Launch launch) => launch.ReadyPage is { } page
        ? UntilAsync(launch.ReadyPort, async socket => (await ExchangeAsync(socket, launch.ReadyPort, page)).StartsWith("HTTP/1.1 200", StringComparison.Ordinal))
        : UntilListeningAsync(launch.ReadyPort);

    /// <summary>Reads a page, with its head.</summary>
    public Task<string> GetAsync(int port, string page) => Loop.RunAsync(async () =>
    {
        using var socket = TcpSocket.Create(Loop, AddressFamily.InterNetwork, _space);
        return await ExchangeAsync(socket, port, page);
    });

    private static async Task<string> ExchangeAsync(TcpSocket socket, int port, string page)
    {
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), ConnectTimeout);
        await Load.Streams.SendAsync(socket, Encoding.ASCII.GetBytes($"GET {page} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
        using var answer = new MemoryStream();
        var buffer = new byte[64 * 1024];
        while (await Load.Streams.ReceiveSomeAsync(socket, buffer) is > 0 and var count)
        {
            await answer.WriteAsync(buffer.AsMemory(0, count));
        }

        return Encoding.UTF8.GetString(answer.ToArray());
    }

    private Task UntilAsync(int port, Func<TcpSocket, Task<bool>> ask) => Loop.RunAsync(async () =>
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            using var socket = TcpSocket.Create(Loop, AddressFamily.InterNetwork, _space);
            try
            {
                if (await ask(socket))
                {
                    return;
                }
            }
            catch (LinuxException) when (watch.Elapsed < Patience)
            {
                // nobody listens yet
            }

            if (watch.Elapsed > Patience)
            {
                throw new TimeoutException($"Port {port} did not become ready within {Patience.TotalSeconds} s.");
            }

            await Loop.DelayAsync(BetweenQuestions);
        }
    });
}
