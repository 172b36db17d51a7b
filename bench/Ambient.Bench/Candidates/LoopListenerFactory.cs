using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Ambient.Linux;
using Microsoft.AspNetCore.Connections;

namespace Ambient.Bench.Candidates;

/// <summary>Kestrel's transport on our event loops: a listener on each, whose connections stay there.</summary>
internal sealed class LoopListenerFactory(IReadOnlyList<EventLoop> loops) : IConnectionListenerFactory
{
    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var listener = new LoopListener(endpoint);
        await listener.ListenAsync(loops);
        return listener;
    }
}

/// <summary>Hands over what the loops' listeners accept.</summary>
internal sealed class LoopListener(EndPoint endPoint) : IConnectionListener
{
    /// <summary>As the kernel's backlog.</summary>
    private readonly Channel<ConnectionContext> _accepted = Channel.CreateBounded<ConnectionContext>(4096);

    public EndPoint EndPoint => endPoint;

    public async Task ListenAsync(IReadOnlyList<EventLoop> loops)
    {
        var group = new ListenerGroup();
        foreach (var loop in loops)
        {
            // With a context a task's continuations that do not want it go to the thread pool; without they run where it completed: here.
            loop.Post(static _ => SynchronizationContext.SetSynchronizationContext(null), null);
            await loop.RunAsync(() =>
            {
                var listener = TcpSocket.Create(loop, AddressFamily.InterNetwork);
                listener.SetReusePort();
                listener.SetReuseAddress();
                listener.Bind((IPEndPoint)endPoint);
                listener.Listen(4096);
                group.Add(listener);
                _ = listener.AcceptAsync(socket =>
                {
                    socket.SetNoDelay();
                    if (!_accepted.Writer.TryWrite(new LoopConnection(socket)))
                    {
                        socket.Abort();
                    }
                });
                return Task.CompletedTask;
            });
        }
    }

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) =>
        await _accepted.Reader.ReadAsync(cancellationToken);

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => default;

    public ValueTask DisposeAsync() => default;
}
