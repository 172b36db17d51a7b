using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Ambient.Linux.Tests;

public sealed class SeqPacketTests : IDisposable
{
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"alx-{Guid.NewGuid():N}", "packets.sock");

    public void Dispose()
    {
        if (Path.GetDirectoryName(_path) is { } folder && Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task Packets_keep_their_borders_and_their_order()
    {
        var (first, second) = SeqPacketSocket.CreatePair();
        using (first)
        using (second)
        {
            var buffer = new byte[1024];
            foreach (var length in new[] { 1, 1024, 17 })
            {
                await first.SendAsync(Sockets.Pattern(length));
            }

            foreach (var length in new[] { 1, 1024, 17 })
            {
                var packet = await second.ReceiveAsync(buffer, 0).AsTask().WithinLimit();
                Assert.Equal(Sockets.Pattern(length), packet.Payload.ToArray());
                Assert.Empty(packet.Descriptors);
            }
        }
    }

    [Fact]
    public async Task Descriptors_arrive_as_the_receivers_own()
    {
        var (first, second) = SeqPacketSocket.CreatePair();
        using (first)
        using (second)
        {
            var file = Path.GetTempFileName();
            File.WriteAllText(file, "through the socket");
            using (var handle = File.OpenHandle(file))
            using (var space = NetworkNamespace.Current())
            {
                await first.SendAsync(Encoding.UTF8.GetBytes("two"), [handle, space.Handle]);
                await first.SendAsync(Encoding.UTF8.GetBytes("none"));
            }

            File.Delete(file);
            var packet = await second.ReceiveAsync(new byte[16], 2).AsTask().WithinLimit();
            Assert.Equal("two", Encoding.UTF8.GetString(packet.Payload.Span));
            Assert.Equal(2, packet.Descriptors.Count);
            var buffer = new byte[100];
            Assert.Equal("through the socket", Encoding.UTF8.GetString(buffer, 0, RandomAccess.Read(packet.Descriptors[0], buffer, 0)));
            using var received = NetworkNamespace.FromDescriptor(packet.Descriptors[1]);
            using var current = NetworkNamespace.Current();
            Assert.Equal(current.Id, received.Id);
            var flags = Libc.Fcntl((int)packet.Descriptors[0].DangerousGetHandle(), 1, 0);
            Assert.Equal(1, flags & 1); // FD_CLOEXEC: children do not get it
            packet.Descriptors[0].Dispose();
            Assert.Empty((await second.ReceiveAsync(new byte[16], 2).AsTask().WithinLimit()).Descriptors);
        }
    }

    [Fact]
    public async Task A_packet_that_does_not_fit_is_an_error_and_leaks_nothing()
    {
        var (first, second) = SeqPacketSocket.CreatePair();
        using (first)
        using (second)
        using (var handle = File.OpenHandle("/dev/null"))
        {
            await first.SendAsync(new byte[100]);
            await first.SendAsync(new byte[10], [handle, handle, handle]);
            await first.SendAsync(new byte[10], [handle]);
            await first.SendAsync(new byte[5]);
            var tooLong = await Assert.ThrowsAsync<LinuxException>(async () => await second.ReceiveAsync(new byte[99], 1));
            Assert.Equal(Errno.EMSGSIZE, tooLong.Error);
            var before = OpenNulls();
            var tooMany = await Assert.ThrowsAsync<LinuxException>(async () => await second.ReceiveAsync(new byte[99], 1));
            Assert.Equal(Errno.EMSGSIZE, tooMany.Error);
            Assert.Contains("99 bytes and 1 descriptors", tooMany.Message, StringComparison.Ordinal);
            await Assert.ThrowsAsync<LinuxException>(async () => await second.ReceiveAsync(new byte[99], 0));
            Assert.Equal(before, OpenNulls());
            Assert.Equal(5, (await second.ReceiveAsync(new byte[99], 1)).Payload.Length);
        }

        static int OpenNulls() => Directory.GetFiles("/proc/self/fd").Count(file =>
        {
            try
            {
                return File.ResolveLinkTarget(file, false)?.FullName == "/dev/null";
            }
            catch (IOException)
            {
                return false;
            }
        });
    }

    [Fact]
    public async Task A_receive_waits_for_its_packet_and_sees_the_end()
    {
        var (first, second) = SeqPacketSocket.CreatePair();
        using (second)
        {
            var receiving = second.ReceiveAsync(new byte[10], 0).AsTask();
            await Task.Delay(30);
            Assert.False(receiving.IsCompleted);
            await first.SendAsync(new byte[3]);
            Assert.Equal(3, (await receiving.WithinLimit()).Payload.Length);
            receiving = second.ReceiveAsync(new byte[10], 0).AsTask();
            first.Dispose();
            Assert.True((await receiving.WithinLimit()).IsEndOfStream);
            var error = await Assert.ThrowsAsync<LinuxException>(async () => await second.SendAsync(new byte[1]));
            Assert.Equal(Errno.EPIPE, error.Error);
        }
    }

    [Fact]
    public async Task A_send_waits_for_a_slow_reader()
    {
        var (first, second) = SeqPacketSocket.CreatePair();
        using (first)
        using (second)
        {
            const int Count = 5000;
            var sending = Task.Run(async () =>
            {
                for (var index = 0; index < Count; index++)
                {
                    await first.SendAsync(BitConverter.GetBytes(index).Concat(new byte[1000]).ToArray());
                }
            });
            await Task.Delay(50);
            Assert.False(sending.IsCompleted, "everything fits the kernel's buffer: the test proves nothing");
            var buffer = new byte[1024];
            for (var index = 0; index < Count; index++)
            {
                var packet = await second.ReceiveAsync(buffer, 0).AsTask().WithinLimit();
                Assert.Equal(index, BitConverter.ToInt32(packet.Payload.Span));
            }

            await sending.WithinLimit();
        }
    }

    [Fact]
    public async Task A_wait_is_cancelled_and_the_socket_lives_on_until_it_is_disposed()
    {
        var (first, second) = SeqPacketSocket.CreatePair();
        using (first)
        {
            using var cancellation = new CancellationTokenSource(30);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(
                async () => await second.ReceiveAsync(new byte[10], 0, cancellation.Token));
            await first.SendAsync(new byte[2]);
            Assert.Equal(2, (await second.ReceiveAsync(new byte[10], 0).AsTask().WithinLimit()).Payload.Length);
            var receiving = second.ReceiveAsync(new byte[10], 0).AsTask();
            await Task.Delay(20);
            second.Dispose();
            second.Dispose();
            await Assert.ThrowsAsync<ObjectDisposedException>(() => receiving.WithinLimit());
        }
    }

    [Fact]
    public async Task A_listener_takes_the_place_of_a_crashed_one_and_knows_its_peers()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
        File.WriteAllText(_path, "left behind");
        using var listener = SeqPacketListener.Bind(_path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_path));
        var accepting = listener.AcceptAsync().AsTask();
        await Task.Delay(20);
        Assert.False(accepting.IsCompleted);
        using var client = SeqPacketSocket.Connect(_path);
        using var server = await accepting.WithinLimit();
        Assert.Equal(Environment.ProcessId, server.Peer.ProcessId);
        Assert.Equal(0u, server.Peer.UserId);
        using var next = SeqPacketSocket.Connect(_path);
        using var nextServer = await listener.AcceptAsync().AsTask().WithinLimit();
        await next.SendAsync(new byte[1]);
        Assert.Equal(1, (await nextServer.ReceiveAsync(new byte[10], 0).AsTask().WithinLimit()).Payload.Length);

        var waiting = listener.AcceptAsync().AsTask();
        listener.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting.WithinLimit());
        Assert.False(File.Exists(_path));
        Assert.Equal(Errno.ENOENT, Assert.Throws<LinuxException>(() => SeqPacketSocket.Connect(_path)).Error);
    }

    [Fact]
    public void A_path_that_the_kernel_cannot_take_is_named()
    {
        var path = Path.Combine(Path.GetDirectoryName(_path)!, new string('x', 120));
        var error = Assert.Throws<ArgumentException>(() => SeqPacketListener.Bind(path, UnixFileMode.UserRead));
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Contains("shorter", error.Message, StringComparison.Ordinal);
    }
}
