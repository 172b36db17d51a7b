using System.Buffers;
using System.Net;
using System.Net.Sockets;

namespace Ambient.Linux.Tests;

public sealed class TcpSocketTests : IAsyncLifetime
{
    private readonly EventLoop _loop = EventLoop.Start("sockets");

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _loop.DisposeAsync().AsTask().WithinLimit();

    private Task On(Func<Task> test) => _loop.RunAsync(test).WithinLimit();

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public Task Bytes_arrive_and_addresses_are_told(string address) => On(async () =>
    {
        using var listener = Sockets.Listen(_loop, address);
        var accepting = listener.AcceptAsync();
        using var client = await Sockets.ConnectAsync(_loop, listener.LocalEndPoint);
        using var server = await accepting;
        Assert.Equal(listener.LocalEndPoint, client.RemoteEndPoint);
        Assert.Equal(client.LocalEndPoint, server.RemoteEndPoint);
        Assert.Equal(listener.LocalEndPoint, server.LocalEndPoint);
        Assert.Equal(Sockets.FamilyOf(address), server.RemoteEndPoint.AddressFamily);

        var data = Sockets.Pattern(1000);
        await Sockets.SendAllAsync(client, data);
        Assert.Equal(data, await Sockets.ReadExactlyAsync(server, 1000));
        await Sockets.SendAllAsync(server, data);
        Assert.Equal(data, await Sockets.ReadExactlyAsync(client, 1000));
    });

    [Fact]
    public Task A_dual_stack_listener_takes_both_and_says_IPv4_plainly() => On(async () =>
    {
        using var listener = Sockets.Listen(_loop, "::", options: socket => socket.SetDualStack(true));
        var port = listener.LocalEndPoint.Port;
        foreach (var address in new[] { IPAddress.Loopback, IPAddress.IPv6Loopback })
        {
            using var client = await Sockets.ConnectAsync(_loop, new IPEndPoint(address, port));
            using var server = await listener.AcceptAsync();
            Assert.Equal(address, server.RemoteEndPoint.Address);
            Assert.Equal(new IPEndPoint(address, port), server.LocalEndPoint);
        }

        using var single = Sockets.Listen(_loop, "::1", options: socket => socket.SetDualStack(false));
        Assert.Equal(1, single.GetOption(41, 26));
    });

    [Fact]
    public Task An_IPv6_socket_reaches_IPv4_and_an_IPv4_socket_refuses_IPv6() => On(async () =>
    {
        using var listener = Sockets.Listen(_loop);
        using var client = TcpSocket.Create(_loop, AddressFamily.InterNetworkV6);
        await client.ConnectAsync(listener.LocalEndPoint, Bounded.Limit);
        Assert.Equal(listener.LocalEndPoint, client.RemoteEndPoint);
        using var plain = TcpSocket.Create(_loop, AddressFamily.InterNetwork);
        var error = Assert.Throws<LinuxException>(() => plain.Bind(new IPEndPoint(IPAddress.IPv6Loopback, 0)));
        Assert.Equal(Errno.EAFNOSUPPORT, error.Error);
        using var mapped = TcpSocket.Create(_loop, AddressFamily.InterNetwork);
        await mapped.ConnectAsync(new IPEndPoint(IPAddress.Loopback.MapToIPv6(), listener.LocalEndPoint.Port), Bounded.Limit);
        Assert.Equal(listener.LocalEndPoint, mapped.RemoteEndPoint);
    });

    [Fact]
    public Task A_refusal_names_the_place_and_the_reason() => On(async () =>
    {
        var closed = Sockets.Listen(_loop);
        var target = closed.LocalEndPoint;
        closed.Dispose();
        using var client = TcpSocket.Create(_loop, AddressFamily.InterNetwork);
        var error = await Assert.ThrowsAsync<LinuxException>(async () => await client.ConnectAsync(target, Bounded.Limit));
        Assert.Equal(Errno.ECONNREFUSED, error.Error);
        Assert.Equal($"connect {target}: Connection refused (ECONNREFUSED 111)", error.Message);
    });

    [Fact]
    public Task An_address_in_use_is_refused() => On(() =>
    {
        using var first = Sockets.Listen(_loop);
        var error = Assert.Throws<LinuxException>(() => Sockets.Listen(_loop, port: first.LocalEndPoint.Port));
        Assert.Equal(Errno.EADDRINUSE, error.Error);
        return Task.CompletedTask;
    });

    /// <summary>The pitfall: with edges, data and FIN may be one event; a reader that takes a short read for "drained" hangs.</summary>
    [Fact]
    public Task An_end_that_comes_together_with_data_is_seen() => On(async () =>
    {
        for (var round = 0; round < 50; round++)
        {
            var (client, server) = await Sockets.PairAsync(_loop);
            await Sockets.SendAllAsync(client, new byte[100]);
            client.ShutdownSend(); // no turn between: one event will carry both
            Assert.Equal(100, (await Sockets.ReadToEndAsync(server, bufferSize: 4096)).Length);
            // The other direction goes on.
            await Sockets.SendAllAsync(server, new byte[7]);
            server.ShutdownSend();
            Assert.Equal(7, (await Sockets.ReadToEndAsync(client)).Length);
            client.Dispose();
            server.Dispose();
        }
    });

    [Fact]
    [Trait("Faults", "Off")]
    public Task An_end_that_comes_after_a_short_read_is_seen() => On(async () =>
    {
        var (client, server) = await Sockets.PairAsync(_loop);
        await Sockets.SendAllAsync(client, new byte[100]);
        await server.WaitReadableAsync();
        Assert.Equal(100, server.TryReceive(new byte[4096]).Count);
        Assert.False(server.IsReadable);
        var end = Sockets.ReadToEndAsync(server);
        client.Dispose();
        Assert.Empty(await end);
        server.Dispose();
    });

    /// <summary>The pitfall: a cap on work per turn has to come back by itself, no edge will tell of what was left.</summary>
    [Fact]
    public Task A_reader_that_yields_before_it_drained_gets_the_rest() => On(async () =>
    {
        var (client, server) = await Sockets.PairAsync(_loop);
        var data = Sockets.Pattern(8 * 1024 * 1024);
        var sending = Sockets.SendAllAsync(client, data);
        var received = new MemoryStream();
        var buffer = new byte[1000];
        while (received.Length < data.Length)
        {
            await server.WaitReadableAsync();
            for (var cap = 0; cap < 3; cap++)
            {
                var result = server.TryReceive(buffer);
                if (!result.Ok)
                {
                    break;
                }

                received.Write(buffer, 0, result.Count);
            }

            await _loop.Yield();
        }

        await sending;
        Assert.Equal(data, received.ToArray());
        client.Dispose();
        server.Dispose();
    });

    [Fact]
    public Task Many_segments_leave_in_order_however_the_kernel_cuts_them() => On(async () =>
    {
        var (client, server) = await Sockets.PairAsync(_loop);
        var random = new Random(3);
        var lengths = Enumerable.Range(0, 200).Select(_ => random.Next(4) == 0 ? 0 : random.Next(1, 40000)).ToArray();
        var data = Sockets.Pattern(lengths.Sum());
        var reading = Sockets.ReadToEndAsync(server);
        var rest = Segments(data, lengths);
        while (!rest.IsEmpty)
        {
            var sent = client.TrySend(rest);
            if (sent.WouldBlock)
            {
                await client.WaitWritableAsync();
                continue;
            }

            Assert.True(sent.Ok && sent.Count > 0);
            rest = rest.Slice(sent.Count);
        }

        client.ShutdownSend();
        Assert.Equal(data, await reading);
        client.Dispose();
        server.Dispose();
    });

    [Fact]
    [Trait("Faults", "Off")]
    public Task An_abort_is_an_error_to_the_peer_and_an_end_is_not() => On(async () =>
    {
        var (client, server) = await Sockets.PairAsync(_loop);
        await server.WaitWritableAsync();
        client.Abort();
        await server.WaitReadableAsync();
        Assert.Equal(Errno.ECONNRESET, server.TryReceive(new byte[10]).Error);
        Assert.True(client.IsClosed);
        Assert.NotNull(server.RemoteEndPoint);
        server.Dispose();

        (client, server) = await Sockets.PairAsync(_loop);
        client.Dispose();
        Assert.Empty(await Sockets.ReadToEndAsync(server));
        server.Dispose();
    });

    [Fact]
    [Trait("Faults", "Off")]
    public Task Sending_to_a_peer_that_is_gone_is_an_error_and_no_signal() => On(async () =>
    {
        var (client, server) = await Sockets.PairAsync(_loop);
        server.Abort();
        await client.WaitReadableAsync();
        Assert.Equal(Errno.ECONNRESET, client.TryReceive(new byte[1]).Error);
        Assert.Equal(Errno.EPIPE, client.TrySend(new byte[1]).Error);
        Assert.Equal(Errno.EPIPE, client.TrySend(Segments(new byte[2], [1, 1])).Error);
        client.Dispose();
    });

    [Fact]
    [Trait("Faults", "Off")]
    public async Task Disposing_wakes_the_waiters_also_from_another_thread()
    {
        var (client, server) = await _loop.RunAsync(() => Sockets.PairAsync(_loop)).WithinLimit();
        var result = _loop.RunAsync(async () =>
        {
            Assert.True(server.TryReceive(new byte[1]).WouldBlock);
            await server.WaitReadableAsync();
            return server.TryReceive(new byte[1]);
        });
        await _loop.RunAsync(() => Task.CompletedTask);
        server.Dispose();
        Assert.Equal(Errno.EBADF, (await result.WithinLimit()).Error);
        client.Dispose();
        await _loop.RunAsync(() =>
        {
            Assert.True(client.IsClosed);
            Assert.Equal(Errno.EBADF, client.TrySend(new byte[1]).Error);
            Assert.True(client.WaitReadableAsync().AsTask().IsCompletedSuccessfully);
            Assert.Throws<ObjectDisposedException>(() => client.SetNoDelay());
            return Task.CompletedTask;
        }).WithinLimit();
    }

    [Fact]
    [Trait("Faults", "Off")]
    public Task A_second_waiter_of_one_direction_is_refused() => On(async () =>
    {
        var (client, server) = await Sockets.PairAsync(_loop);
        Assert.True(server.TryReceive(new byte[1]).WouldBlock);
        var first = server.WaitReadableAsync().AsTask();
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await server.WaitReadableAsync());
        client.Dispose();
        await first;
        server.Dispose();
    });

    [Fact]
    public Task A_connection_that_died_while_it_waited_is_not_the_listeners_problem() => On(async () =>
    {
        using var listener = Sockets.Listen(_loop);
        (await Sockets.ConnectAsync(_loop, listener.LocalEndPoint)).Abort();
        using var client = await Sockets.ConnectAsync(_loop, listener.LocalEndPoint);
        TcpSocket accepted;
        do
        {
            accepted = await listener.AcceptAsync();
        }
        while (accepted.TryReceive(new byte[1]).Error == Errno.ECONNRESET);
        Assert.Equal(client.LocalEndPoint, accepted.RemoteEndPoint);
        accepted.Dispose();
    });

    private static ReadOnlySequence<byte> Segments(byte[] data, int[] lengths)
    {
        Segment? first = null;
        Segment? last = null;
        var offset = 0;
        foreach (var length in lengths)
        {
            last = new Segment(data.AsMemory(offset, length), last);
            first ??= last;
            offset += length;
        }

        return new ReadOnlySequence<byte>(first!, 0, last!, last!.Memory.Length);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, Segment? previous)
        {
            Memory = memory;
            if (previous is not null)
            {
                previous.Next = this;
                RunningIndex = previous.RunningIndex + previous.Memory.Length;
            }
        }
    }
}
