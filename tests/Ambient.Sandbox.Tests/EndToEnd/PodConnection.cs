using System.Net;
using System.Text;
using Ambient.Linux;

namespace Ambient.Sandbox.Tests.EndToEnd;

/// <summary>A TCP connection made inside a pod's network, so that the pod's capture applies to it, and used from the test.</summary>
internal sealed class PodConnection : IAsyncDisposable
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    private readonly EventLoop _loop;
    private readonly NetworkNamespace _pod;
    private readonly TcpSocket _socket;

    private PodConnection(EventLoop loop, NetworkNamespace pod, TcpSocket socket)
    {
        _loop = loop;
        _pod = pod;
        _socket = socket;
    }

    /// <summary>Connects and reads the echo server's greeting.</summary>
    /// <exception cref="IOException">Refused, reset, or closed before the greeting.</exception>
    public static async Task<PodConnection> OpenAsync(string networkNamespace, string address, int port)
    {
        var loop = EventLoop.Start("test");
        var pod = NetworkNamespace.Open(networkNamespace);
        var to = new IPEndPoint(IPAddress.Parse(address), port);
        var socket = await loop.RunAsync(() => Task.FromResult(TcpSocket.Create(loop, to.AddressFamily, pod)));
        var connection = new PodConnection(loop, pod, socket);
        try
        {
            await loop.RunAsync(async () => await socket.ConnectAsync(to, Longest));
            connection.Greeting = await connection.ReadLineAsync() ?? throw new IOException("closed before the greeting");
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    public string Greeting { get; private set; } = "";

    /// <summary>Sends a line and waits for it to come back.</summary>
    /// <returns>Whether it came back; false if the connection is closed or reset.</returns>
    public async Task<bool> EchoAsync(string line)
    {
        return await _loop.RunAsync(() => SendAsync(Encoding.ASCII.GetBytes(line + "\n"))) && await ReadLineAsync() == line;
    }

    public async ValueTask DisposeAsync()
    {
        await _loop.RunAsync(() =>
        {
            _socket.Dispose();
            return Task.CompletedTask;
        });
        await _loop.DisposeAsync();
        _pod.Dispose();
    }

    private async Task<bool> SendAsync(ReadOnlyMemory<byte> data)
    {
        while (!data.IsEmpty)
        {
            await _socket.WaitWritableAsync();
            var sent = _socket.TrySend(data.Span);
            if (!sent.Ok && !sent.WouldBlock)
            {
                return false;
            }

            data = data[sent.Count..];
        }

        return true;
    }

    private Task<string?> ReadLineAsync() => _loop.RunAsync(async () =>
    {
        var line = new List<byte>();
        var deadline = _loop.DelayAsync(Longest);
        var buffer = new byte[1];
        while (true)
        {
            var received = _socket.TryReceive(buffer);
            if (received.WouldBlock)
            {
                if (await Task.WhenAny(deadline, _socket.WaitReadableAsync().AsTask()) == deadline)
                {
                    return null;
                }
            }
            else if (received.EndOfStream || !received.Ok)
            {
                return null;
            }
            else if (buffer[0] == '\n')
            {
                return Encoding.ASCII.GetString([.. line]);
            }
            else
            {
                line.Add(buffer[0]);
            }
        }
    });
}
