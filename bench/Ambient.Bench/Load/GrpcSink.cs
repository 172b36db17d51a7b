using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Ambient.Hbone;
using Ambient.Http;
using Ambient.Http.Fields;
using Ambient.Http.Http2;
using Ambient.Linux;
using Ambient.Proxy.Transports;

namespace Ambient.Bench.Load;

/// <summary>The sink's gRPC: a unary call is answered with its own message.</summary>
internal sealed class GrpcSink : IRequestHandler
{
    public const int Port = 7001;

    private static readonly FieldList Trailers = new();

    private readonly ResponseHead _head = new() { Status = 200, HasBody = true };

    static GrpcSink() => Trailers.Add("grpc-status"u8, "0"u8);

    private GrpcSink() => _head.Fields.Add("content-type"u8, "application/grpc"u8);

    public static async Task AcceptAsync(EventLoop loop)
    {
        using var listener = TcpSocket.Create(loop, AddressFamily.InterNetwork);
        listener.SetReusePort();
        listener.SetReuseAddress();
        listener.Bind(new IPEndPoint(IPAddress.Any, Port));
        listener.Listen(4096);
        var (budget, handler) = (new ByteBudget(ByteBudget.DefaultLimit), new GrpcSink());
        while (true)
        {
            var socket = await listener.AcceptAsync();
            socket.SetNoDelay();
            var connection = new Http2ServerConnection(new SocketPipe(socket), Http2Limits.ForServer(), new HttpLimits(), budget, handler);
            Turns.Coalesce(loop, connection);
            _ = connection.RunAsync(); // ends with its connection; the process ends with the harness
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask HandleAsync(IServerExchange exchange)
    {
        var (from, to) = (exchange.RequestBody, exchange.ResponseBody);
        exchange.Respond(_head, endStream: false);
        while (true)
        {
            var read = await from.ReadAsync();
            foreach (var part in read.Buffer)
            {
                part.CopyTo(to.GetMemory(part.Length));
                to.Advance(part.Length);
            }

            from.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                break;
            }
        }

        exchange.Complete(Trailers);
    }

    public void OnRefused(in Refusal refusal) => throw new InvalidOperationException($"A request was refused: {refusal.Words}.");
}
