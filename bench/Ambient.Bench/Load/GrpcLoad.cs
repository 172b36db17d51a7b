using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using System.Net.Sockets;
using Ambient.Hbone;
using Ambient.Http;
using Ambient.Http.Http2;
using Ambient.Linux;
using Ambient.Proxy.Transports;

namespace Ambient.Bench.Load;

/// <summary>Unary calls of gRPC, eight at a time on each connection of HTTP/2, each begun when the one before it has ended with its status.</summary>
internal static class GrpcLoad
{
    private const int CallsPerConnection = 8;

    /// <summary>A byte for compression and four for the length come before a message.</summary>
    private const int Prefix = 5;

    /// <summary>More than any way manages in a second, so that the list of times does not grow while it counts.</summary>
    private const int ExpectedTimes = 1 << 17;

    public static async Task<LoadFigures> RunAsync(EventLoop loop, Destinations target, LoadRequest load)
    {
        var message = new byte[Prefix + load.MessageSize];
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(1), load.MessageSize);
        var window = new Window(load);
        var times = new List<double>(ExpectedTimes);
        var budget = new ByteBudget(ByteBudget.DefaultLimit);
        var connections = new List<Http2ClientConnection>();
        var callers = new List<Task>();
        for (var i = 0; i < load.Connections / CallsPerConnection; i++)
        {
            var socket = TcpSocket.Create(loop, AddressFamily.InterNetwork);
            await socket.ConnectAsync(target.Next(), Client.ConnectTimeout);
            socket.SetNoDelay();
            var connection = new Http2ClientConnection(new SocketPipe(socket), Http2Limits.ForClient(), new HttpLimits(), budget);
            Turns.Coalesce(loop, connection);
            connections.Add(connection);
            callers.Add(connection.RunAsync());
            callers.AddRange(Enumerable.Range(0, CallsPerConnection).Select(_ => CallAsync(connection, message, window, times)));
        }

        var finished = Task.WhenAll(callers);
        await Task.WhenAny(window.RunAsync(loop), finished);
        await Task.WhenAll(callers.Where((_, index) => index % (CallsPerConnection + 1) > 0));
        connections.ForEach(connection => connection.Drain());
        await finished;
        return LoadFigures.Of(window, times);
    }

    private static async Task CallAsync(Http2ClientConnection connection, byte[] message, Window window, List<double> times)
    {
        var head = new RequestHead { Method = "POST", Authority = "server.bench", Path = "/bench.Echo/Say", HasBody = true, TakesTrailers = true };
        head.Fields.Add("content-type"u8, "application/grpc"u8);
        head.Fields.Add("te"u8, "trailers"u8);
        while (!window.IsOver)
        {
            var began = Stopwatch.GetTimestamp();
            using var call = connection.Send(head, endStream: false);
            call.RequestBody.Write(message);
            call.CompleteRequest();
            var answer = await call.ResponseAsync();
            var received = 0L;
            while (answer.HasBody)
            {
                var read = await call.ResponseBody.ReadAsync();
                received += read.Buffer.Length;
                call.ResponseBody.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                {
                    break;
                }
            }

            if (received != message.Length || call.ResponseTrailers?.Text("grpc-status"u8) != "0")
            {
                throw new InvalidOperationException($"A call ended with HTTP status {answer.Status} and {received} bytes.");
            }

            if (window.IsOpen)
            {
                times.Add(Stopwatch.GetElapsedTime(began).TotalMicroseconds);
            }
        }
    }
}

/// <summary>Lets a connection's turn leave in one send.</summary>
internal sealed class Turns : IEndOfTurn
{
    private readonly Action _flush;
    private bool _asked;

    private Turns(Action flush) => _flush = flush;

    public static void Coalesce(EventLoop loop, Http2ServerConnection connection)
    {
        var turns = new Turns(connection.Flush);
        connection.FlushRequested = () => turns.Ask(loop);
    }

    public static void Coalesce(EventLoop loop, Http2ClientConnection connection)
    {
        var turns = new Turns(connection.Flush);
        connection.FlushRequested = () => turns.Ask(loop);
    }

    public void EndOfTurn()
    {
        _asked = false;
        _flush();
    }

    private void Ask(EventLoop loop)
    {
        if (!_asked)
        {
            _asked = true;
            loop.AtEndOfTurn(this);
        }
    }
}
