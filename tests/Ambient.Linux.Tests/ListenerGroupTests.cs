using System.Net;
using System.Net.Sockets;

namespace Ambient.Linux.Tests;

public sealed class ListenerGroupTests : IAsyncLifetime
{
    private readonly EventLoop[] _loops = [EventLoop.Start("group-0"), EventLoop.Start("group-1"), EventLoop.Start("clients")];
    private readonly ListenerGroup _group = new();
    private readonly List<TcpSocket>[] _accepted = [[], []];
    private readonly TcpSocket[] _listeners = new TcpSocket[2];
    private IPEndPoint _target = new(IPAddress.Loopback, 0);

    public async Task InitializeAsync()
    {
        for (var each = 0; each < 2; each++)
        {
            var number = each;
            await _loops[number].RunAsync(() =>
            {
                var listener = TcpSocket.Create(_loops[number], AddressFamily.InterNetwork);
                listener.SetReusePort();
                listener.Bind(_target);
                listener.Listen(64);
                _target = listener.LocalEndPoint;
                _group.Add(listener);
                _listeners[number] = listener;
                _ = AcceptAsync(listener, number);
                return Task.CompletedTask;
            }).WithinLimit();
        }
    }

    public async Task DisposeAsync()
    {
        foreach (var loop in _loops)
        {
            await loop.DisposeAsync().AsTask().WithinLimit();
        }
    }

    [Fact]
    public async Task Connections_are_shared_evenly_whatever_the_kernel_does()
    {
        await ConnectAsync(8);

        Assert.Equal("4 4", await CountsAsync(8));
        Assert.All(_accepted[0], socket => Assert.Same(_loops[0], socket.Loop));
        Assert.All(_accepted[1], socket => Assert.Same(_loops[1], socket.Loop));
    }

    [Fact]
    public async Task Whoever_has_lost_some_gets_the_next()
    {
        await ConnectAsync(8);
        await CountsAsync(8);
        await _loops[0].RunAsync(() =>
        {
            _accepted[0].Take(3).ToList().ForEach(socket => socket.Dispose());
            return Task.CompletedTask;
        }).WithinLimit();

        await ConnectAsync(3);

        Assert.Equal("7 4", await CountsAsync(11));
    }

    [Fact]
    public async Task A_connection_that_was_handed_over_works()
    {
        var clients = await ConnectAsync(8);
        await CountsAsync(8);
        for (var each = 0; each < 2; each++)
        {
            var number = each;
            await _loops[number].RunAsync(async () =>
            {
                foreach (var socket in _accepted[number])
                {
                    await Sockets.SendAllAsync(socket, BitConverter.GetBytes(socket.RemoteEndPoint.Port));
                }
            }).WithinLimit();
        }

        await _loops[2].RunAsync(async () =>
        {
            foreach (var client in clients)
            {
                Assert.Equal(client.LocalEndPoint.Port, BitConverter.ToInt32(await Sockets.ReadExactlyAsync(client, 4)));
            }
        }).WithinLimit();
    }

    [Fact]
    public async Task A_closed_listener_leaves_the_rest_to_the_others()
    {
        await _loops[0].RunAsync(() =>
        {
            _listeners[0].Dispose();
            return Task.CompletedTask;
        }).WithinLimit();

        await ConnectAsync(4);

        Assert.Equal("0 4", await CountsAsync(4));
    }

    private async Task AcceptAsync(TcpSocket listener, int number)
    {
        try
        {
            await listener.AcceptAsync(_accepted[number].Add);
        }
        catch (Exception end) when (end is ObjectDisposedException or LinuxException)
        {
            // the test is over
        }
    }

    private async Task<List<TcpSocket>> ConnectAsync(int count)
    {
        var clients = new List<TcpSocket>();
        await _loops[2].RunAsync(async () =>
        {
            for (var number = 0; number < count; number++)
            {
                clients.Add(await Sockets.ConnectAsync(_loops[2], _target));
            }
        }).WithinLimit();
        return clients;
    }

    /// <summary>How many each loop has accepted in all, once everything has been.</summary>
    private async Task<string> CountsAsync(int expected)
    {
        for (var round = 0; ; round++)
        {
            var counts = new int[2];
            for (var each = 0; each < 2; each++)
            {
                var number = each;
                counts[number] = await _loops[number].RunAsync(() => Task.FromResult(_accepted[number].Count)).WithinLimit();
            }

            if (counts.Sum() == expected || round == 1000)
            {
                return string.Join(' ', counts);
            }

            await Task.Delay(5);
        }
    }
}
