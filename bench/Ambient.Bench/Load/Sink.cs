using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Ambient.Linux;

namespace Ambient.Bench.Load;

/// <summary>
/// The server of every load, chosen by the connection's first byte: <c>S</c> swallows and, at the end of the stream, answers how much
/// came; <c>E</c> sends back what comes.
/// </summary>
internal static class Sink
{
    public const int Port = 7000;
    public const byte Swallow = (byte)'S';
    public const byte Echo = (byte)'E';

    /// <summary>Fits what a receive of a fast stream brings.</summary>
    private const int BufferSize = 256 * 1024;

    public static async Task RunAsync()
    {
        var loops = Enumerable.Range(0, Environment.ProcessorCount).Select(i => EventLoop.Start($"sink-{i}")).ToList();
        await Task.WhenAll(loops.Select(loop => loop.RunAsync(() => AcceptAsync(loop))));
    }

    private static async Task AcceptAsync(EventLoop loop)
    {
        using var listener = TcpSocket.Create(loop, AddressFamily.InterNetwork);
        listener.SetReusePort();
        listener.SetReuseAddress();
        listener.Bind(new IPEndPoint(IPAddress.Any, Port));
        listener.Listen(4096);
        var buffer = new byte[BufferSize];
        var serving = new HashSet<Task>();
        while (true)
        {
            var socket = await listener.AcceptAsync();
            socket.SetNoDelay();
            serving.RemoveWhere(static task => task.IsCompleted);
            serving.Add(ServeAsync(socket, buffer));
        }
    }

    /// <summary>The buffer is shared by all connections of the loop: nothing stays in it over a wait.</summary>
    private static async Task ServeAsync(TcpSocket socket, byte[] buffer)
    {
        using (socket)
        {
            byte mode = 0;
            var received = 0L;
            while (true)
            {
                var got = socket.TryReceive(buffer);
                if (got.WouldBlock)
                {
                    await socket.WaitReadableAsync();
                    continue;
                }

                if (!got.Ok)
                {
                    return;
                }

                if (got.EndOfStream)
                {
                    break;
                }

                var payload = buffer.AsMemory(0, got.Count);
                if (mode == 0)
                {
                    mode = buffer[0];
                    payload = payload[1..];
                }

                received += payload.Length;
                if (mode == Echo && !payload.IsEmpty && !await SendAsync(socket, payload.ToArray()))
                {
                    return;
                }
            }

            if (mode == Swallow)
            {
                var answer = new byte[8];
                BinaryPrimitives.WriteInt64BigEndian(answer, received);
                await SendAsync(socket, answer);
            }
        }
    }

    internal static async Task<bool> SendAsync(TcpSocket socket, ReadOnlyMemory<byte> data)
    {
        while (!data.IsEmpty)
        {
            var sent = socket.TrySend(data.Span);
            if (sent.Ok)
            {
                data = data[sent.Count..];
            }
            else if (sent.WouldBlock)
            {
                await socket.WaitWritableAsync();
            }
            else
            {
                return false;
            }
        }

        return true;
    }
}
