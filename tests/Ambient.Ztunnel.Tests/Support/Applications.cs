using System.Net;
using System.Net.Sockets;
using System.Text;
using Ambient.Linux;

namespace Ambient.Ztunnel.Tests.Support;

/// <summary>Applications in pods: clients that send and read to the end, servers that answer and close.</summary>
internal sealed class Applications : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private readonly EventLoop _loop = EventLoop.Start("test-apps");
    private readonly List<TcpSocket> _listeners = [];
    private int _served;

    /// <summary>Serves on a port: reads one request of at least <paramref name="requestSize"/> bytes, answers, and closes.</summary>
    /// <param name="pod">Where.</param>
    /// <param name="port">Which port.</param>
    /// <param name="answer">The answer, given the client's address as the server sees it.</param>
    /// <param name="requestSize">How many bytes to wait for.</param>
    public Task ServeAsync(TestPod pod, int port, Func<IPEndPoint, byte[]> answer, int requestSize = 1) =>
        ListenAsync(pod, port, async connection =>
        {
            var received = await ReceiveAsync(connection, requestSize);
            if (received.Length >= requestSize)
            {
                await SendAsync(connection, answer(connection.RemoteEndPoint));
            }

            connection.ShutdownSend();
            await ReceiveAsync(connection, int.MaxValue);
        });

    /// <summary>Echoes until the client ends.</summary>
    public Task EchoAsync(TestPod pod, int port) => ListenAsync(pod, port, async connection =>
    {
        while (true)
        {
            var received = await ReceiveAsync(connection, 1);
            if (received.Length == 0)
            {
                connection.ShutdownSend();
                return;
            }

            await SendAsync(connection, received);
        }
    });

    /// <summary>Reads to the end, and answers how many bytes that were.</summary>
    public Task SinkAsync(TestPod pod, int port) => ListenAsync(pod, port, async connection =>
    {
        var count = await CountAsync(connection);
        await SendAsync(connection, BitConverter.GetBytes(count));
    });

    /// <summary>Sends as many bytes as it is asked for.</summary>
    public Task SourceAsync(TestPod pod, int port) => ListenAsync(pod, port, async connection =>
        await SendZerosAsync(connection, BitConverter.ToInt64(await ReceiveAsync(connection, sizeof(long)))));

    /// <summary>Sends so much to a sink.</summary>
    public Task UploadAsync(TestPod pod, string destination, long count) => _loop.RunAsync(async () =>
    {
        using var socket = await ConnectAsync(pod, destination);
        await SendZerosAsync(socket, count);
        socket.ShutdownSend();
        Assert.Equal(count, BitConverter.ToInt64(await ReceiveAsync(socket, sizeof(long))));
    }).WaitAsync(Patience);

    /// <summary>Receives so much from a source.</summary>
    public Task DownloadAsync(TestPod pod, string destination, long count) => _loop.RunAsync(async () =>
    {
        using var socket = await ConnectAsync(pod, destination);
        await SendAsync(socket, BitConverter.GetBytes(count));
        Assert.Equal(count, await CountAsync(socket));
    }).WaitAsync(Patience);

    /// <summary>Connects, sends, ends its direction, and reads to the end; throws for a reset.</summary>
    public Task<string> CallAsync(TestPod pod, string destination, string request) => _loop.RunAsync(async () =>
    {
        using var socket = await ConnectAsync(pod, destination);
        await SendAsync(socket, Encoding.ASCII.GetBytes(request));
        socket.ShutdownSend();
        return Encoding.ASCII.GetString(await ReceiveAsync(socket, int.MaxValue));
    }).WaitAsync(Patience);

    /// <summary>The same, where a failure is wanted.</summary>
    public async Task<bool> IsRefusedAsync(TestPod pod, string destination, string request = "x")
    {
        try
        {
            return (await CallAsync(pod, destination, request)).Length == 0;
        }
        catch (IOException)
        {
            return true;
        }
    }

    /// <summary>A connection that stays open.</summary>
    public Task<OpenCall> OpenAsync(TestPod pod, string destination) =>
        _loop.RunAsync(async () => new OpenCall(_loop, await ConnectAsync(pod, destination))).WaitAsync(Patience);

    public async ValueTask DisposeAsync()
    {
        await _loop.DisposeAsync();
    }

    internal static async Task<byte[]> ReceiveAsync(TcpSocket socket, int atLeast)
    {
        var received = new MemoryStream();
        var buffer = new byte[64 * 1024];
        while (received.Length < atLeast)
        {
            await socket.WaitReadableAsync();
            var result = socket.TryReceive(buffer);
            if (result.WouldBlock)
            {
                continue;
            }

            if (!result.Ok)
            {
                throw new LinuxException(result.Error, "receive");
            }

            if (result.EndOfStream)
            {
                break;
            }

            received.Write(buffer, 0, result.Count);
        }

        return received.ToArray();
    }

    internal static async Task SendAsync(TcpSocket socket, byte[] data)
    {
        for (var sent = 0; sent < data.Length;)
        {
            var result = socket.TrySend(data.AsSpan(sent));
            if (result.Ok)
            {
                sent += result.Count;
            }
            else if (result.WouldBlock)
            {
                await socket.WaitWritableAsync();
            }
            else
            {
                throw new LinuxException(result.Error, "send");
            }
        }
    }

    private static async Task SendZerosAsync(TcpSocket socket, long count)
    {
        for (var chunk = new byte[1 << 20]; count > 0; count -= chunk.Length)
        {
            await SendAsync(socket, count >= chunk.Length ? chunk : chunk[..(int)count]);
        }
    }

    private static async Task<long> CountAsync(TcpSocket socket)
    {
        var buffer = new byte[1 << 20];
        for (var count = 0L; ;)
        {
            await socket.WaitReadableAsync();
            var result = socket.TryReceive(buffer);
            if (result.EndOfStream)
            {
                return count;
            }

            count += result.Ok || result.WouldBlock ? result.Count : throw new LinuxException(result.Error, "receive");
        }
    }

    private async Task<TcpSocket> ConnectAsync(TestPod pod, string destination)
    {
        var endpoint = IPEndPoint.Parse(destination);
        var socket = TcpSocket.Create(_loop, endpoint.AddressFamily, pod.Space);
        try
        {
            await socket.ConnectAsync(endpoint, TimeSpan.FromSeconds(10));
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Does something with a socket that is not connected yet.</summary>
    public Task<T> OnSocketAsync<T>(TestPod pod, Func<TcpSocket, Task<T>> work, TimeSpan patience) => _loop.RunAsync(async () =>
    {
        using var socket = TcpSocket.Create(_loop, AddressFamily.InterNetwork, pod.Space);
        return await work(socket);
    }).WaitAsync(patience);

    /// <summary>Waits until every connection that was taken is over.</summary>
    public Task NoneIsServedAsync() => RunningZtunnel.UntilAsync(() => Volatile.Read(ref _served) == 0, "every connection is over");

    /// <summary>Serves each connection in its own way.</summary>
    public Task ListenAsync(TestPod pod, int port, Func<TcpSocket, Task> serve) => _loop.RunAsync(() =>
    {
        var listener = TcpSocket.Create(_loop, AddressFamily.InterNetwork, pod.Space);
        listener.SetReuseAddress();
        listener.Bind(new IPEndPoint(IPAddress.Any, port));
        listener.Listen(128);
        _listeners.Add(listener);
        _ = AcceptAsync(listener, serve);
        return Task.CompletedTask;
    });

    private async Task AcceptAsync(TcpSocket listener, Func<TcpSocket, Task> serve)
    {
        try
        {
            while (true)
            {
                _ = ServeAsync(await listener.AcceptAsync(), serve);
            }
        }
        catch (Exception ended) when (ended is ObjectDisposedException or LinuxException)
        {
            // the test is over
        }
    }

    private async Task ServeAsync(TcpSocket connection, Func<TcpSocket, Task> serve)
    {
        Interlocked.Increment(ref _served);
        using (connection)
        {
            try
            {
                await serve(connection);
            }
            catch (LinuxException)
            {
                connection.Abort(); // the client went away; it knows what it expects
            }
            finally
            {
                Interlocked.Decrement(ref _served);
            }
        }
    }
}

/// <summary>A client's connection that stays open.</summary>
internal sealed class OpenCall(EventLoop loop, TcpSocket socket)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Sends and reads as many bytes back.</summary>
    public Task<string> EchoAsync(string text) => loop.RunAsync(async () =>
    {
        await Applications.SendAsync(socket, Encoding.ASCII.GetBytes(text));
        return Encoding.ASCII.GetString(await Applications.ReceiveAsync(socket, text.Length));
    }).WaitAsync(Patience);

    /// <summary>Waits for the end, and tells whether it was a reset.</summary>
    public Task<bool> EndsAsync() => loop.RunAsync(async () =>
    {
        try
        {
            await Applications.ReceiveAsync(socket, int.MaxValue);
            return false;
        }
        catch (LinuxException)
        {
            return true;
        }
    }).WaitAsync(Patience);

    public Task CloseAsync() => loop.RunAsync(() =>
    {
        socket.Dispose();
        return Task.CompletedTask;
    });
}
