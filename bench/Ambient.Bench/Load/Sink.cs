using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Ambient.Linux;

namespace Ambient.Bench.Load;

/// <summary>
/// The server of every load, chosen by the connection's first byte: <c>S</c> swallows and, at the end of the stream, answers how much
/// came; <c>E</c> sends back what comes; <c>D</c> sends without end; <c>G</c> begins a GET of HTTP/1.1.
/// </summary>
internal static class Sink
{
    public const int Port = 7000;
    public const byte Swallow = (byte)'S';
    public const byte Echo = (byte)'E';
    public const byte Download = (byte)'D';

    /// <summary>Fits what a receive of a fast stream brings, and one send of a download.</summary>
    private const int BufferSize = 256 * 1024;

    /// <summary>A stream that has moved so much lets the loop's others go first.</summary>
    private const int Turn = 1024 * 1024;

    public static async Task RunAsync()
    {
        OpenFileLimit.Raise();
        var loops = Enumerable.Range(0, Environment.ProcessorCount).Select(i => EventLoop.Start($"sink-{i}")).ToList();
        await Task.WhenAll(loops.SelectMany(loop => new[] { loop.RunAsync(() => AcceptAsync(loop)), loop.RunAsync(() => GrpcSink.AcceptAsync(loop)) }));
    }

    private static async Task AcceptAsync(EventLoop loop)
    {
        using var listener = TcpSocket.Create(loop, AddressFamily.InterNetwork);
        listener.SetReusePort();
        listener.SetReuseAddress();
        listener.Bind(new IPEndPoint(IPAddress.Any, Port));
        listener.Listen(4096);
        var buffer = new byte[BufferSize];
        while (true)
        {
            var socket = await listener.AcceptAsync();
            socket.SetNoDelay();
            _ = ServeAsync(socket, buffer); // ends with its connection; the process ends with the harness
        }
    }

    /// <summary>The buffer is shared by all connections of the loop: nothing stays in it over a wait.</summary>
    private static async Task ServeAsync(TcpSocket socket, byte[] buffer)
    {
        using (socket)
        {
            if (await Streams.ReceiveSomeAsync(socket, buffer) is not (> 0 and var first))
            {
                return;
            }

            switch (buffer[0])
            {
                case Swallow:
                    await SwallowAsync(socket, first - 1);
                    break;
                case Download:
                    await PourAsync(socket, buffer);
                    break;
                case Echo:
                    await EchoAsync(socket, buffer, first);
                    break;
                case (byte)'G':
                    await HttpSink.AnswerAsync(socket, buffer, first);
                    break;
                default:
                    throw new FormatException($"A client asks for '{(char)buffer[0]}': S, E, D or G.");
            }
        }
    }

    private static async Task SwallowAsync(TcpSocket socket, long received)
    {
        while (true)
        {
            var gone = socket.TryDiscard(Turn);
            if (gone.WouldBlock)
            {
                await socket.WaitReadableAsync();
                continue;
            }

            if (!gone.Ok)
            {
                return;
            }

            if (gone.EndOfStream)
            {
                break;
            }

            received += gone.Count;
            await socket.Loop.Yield();
        }

        var answer = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(answer, received);
        await Streams.SendAsync(socket, answer);
    }

    private static async Task EchoAsync(TcpSocket socket, byte[] buffer, int first)
    {
        var (offset, count) = (1, first - 1);
        while (true)
        {
            if (count > 0 && socket.TrySend(buffer.AsSpan(offset, count)) is var sent && sent.Count < count)
            {
                // Others use the buffer meanwhile.
                await Streams.SendAsync(socket, buffer.AsSpan(offset + sent.Count, count - sent.Count).ToArray());
            }

            var got = socket.TryReceive(buffer);
            while (got.WouldBlock)
            {
                await socket.WaitReadableAsync();
                got = socket.TryReceive(buffer);
            }

            if (got.Count == 0)
            {
                return;
            }

            (offset, count) = (0, got.Count);
        }
    }

    private static async Task PourAsync(TcpSocket socket, byte[] buffer)
    {
        while (true)
        {
            var sent = socket.TrySend(buffer);
            if (sent.WouldBlock)
            {
                await socket.WaitWritableAsync();
            }
            else if (!sent.Ok)
            {
                return;
            }
            else
            {
                await socket.Loop.Yield();
            }
        }
    }
}
