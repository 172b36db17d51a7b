using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Text;
using Ambient.Linux;
using Ambient.Proxy.Transports;

namespace Ambient.Proxy.Tests.Transports;

public sealed class SocketPipeTests : ProxyFixture
{
    [Fact]
    public Task Bytes_and_ends_go_both_ways() => OnLoopAsync(async () =>
    {
        var (near, far) = await PairAsync();
        await near.Output.WriteAsync("hello"u8.ToArray());
        Assert.Equal("hello", await ReadAsync(far.Input, 5));
        await near.Output.CompleteAsync();
        Assert.True((await far.Input.ReadAsync()).IsCompleted);

        await far.Output.WriteAsync("still there"u8.ToArray());
        Assert.Equal("still there", await ReadAsync(near.Input, 11));
        await far.Output.CompleteAsync();
        Assert.True((await near.Input.ReadAsync()).IsCompleted);
        near.Dispose();
        far.Dispose();
        Assert.Equal(0, SocketBlock.Lent);
    });

    [Fact]
    public Task What_is_not_consumed_is_read_again_with_what_follows() => OnLoopAsync(async () =>
    {
        var (near, far) = await PairAsync();
        await near.Output.WriteAsync("GET "u8.ToArray());
        var first = await far.Input.ReadAsync();
        far.Input.AdvanceTo(first.Buffer.Start, first.Buffer.End);
        var waiting = far.Input.ReadAsync();
        Assert.False(waiting.IsCompleted);
        await near.Output.WriteAsync("/x"u8.ToArray());
        var second = await waiting;
        Assert.Equal("GET /x", Encoding.ASCII.GetString(second.Buffer));
        far.Input.AdvanceTo(second.Buffer.End);
        near.Dispose();
        far.Dispose();
    });

    [Fact]
    public Task A_slow_reader_holds_the_writer_back() => OnLoopAsync(async () =>
    {
        const long Total = 64L << 20;
        var (near, far) = await PairAsync();
        var written = 0L;
        var writing = WriteAsync();
        await UntilAsync(() => written > 0, "the writer began");
        await Loop.DelayAsync(TimeSpan.FromMilliseconds(100));
        var heldBackAt = written;
        await Loop.DelayAsync(TimeSpan.FromMilliseconds(100));
        Assert.Equal(heldBackAt, written);
        Assert.InRange(heldBackAt, 1, 32L << 20); // what the kernel buffers on loopback, and one high-water mark

        var (received, sum) = (0L, 0L);
        while (received < Total)
        {
            var read = await far.Input.ReadAsync();
            foreach (var part in read.Buffer)
            {
                sum += part.Span[0];
                received += part.Length;
            }

            far.Input.AdvanceTo(read.Buffer.End);
        }

        await writing;
        Assert.Equal(Total, received);
        Assert.Equal(0, SocketBlock.Lent);
        near.Dispose();
        far.Dispose();

        async Task WriteAsync()
        {
            var block = new byte[48 * 1024];
            while (written < Total)
            {
                var size = (int)Math.Min(block.Length, Total - written);
                await near.Output.WriteAsync(block.AsMemory(0, size));
                written += size;
            }
        }
    });

    [Fact]
    public Task A_reset_fails_reads_and_flushes() => OnLoopAsync(async () =>
    {
        var (near, far) = await PairAsync();
        var reading = near.Input.ReadAsync();
        far.Abort();
        await Assert.ThrowsAsync<LinuxException>(async () => await reading);
        await Assert.ThrowsAsync<LinuxException>(async () => await near.Output.WriteAsync(new byte[1]));
        near.Dispose();
        Assert.Equal(0, SocketBlock.Lent);
    });

    [Fact]
    public Task An_answer_that_came_before_the_peer_went_can_be_read_after_a_send_failed() => OnLoopAsync(async () =>
    {
        var (near, far) = await PairAsync();
        await far.Output.WriteAsync("413"u8.ToArray());
        await far.Output.CompleteAsync();
        await Loop.DelayAsync(TimeSpan.FromMilliseconds(20));
        Assert.Equal("413", await ReadAsync(near.Input, 3));
        far.Dispose();
        await Assert.ThrowsAsync<LinuxException>(async () =>
        {
            while (true)
            {
                await near.Output.WriteAsync(new byte[1000]);
                await Loop.Yield();
            }
        });
        near.Dispose();
    });

    [Fact]
    public Task Closing_in_order_waits_for_the_peers_end_and_loses_nothing() => OnLoopAsync(async () =>
    {
        var (near, far) = await PairAsync();
        near.Output.Write("bye"u8);
        var closing = near.CloseAsync(Limit);
        Assert.Equal("bye", await ReadAsync(far.Input, 3));
        Assert.True((await far.Input.ReadAsync()).IsCompleted);
        await far.Output.WriteAsync(new byte[100_000]);
        Assert.False(closing.IsCompleted);
        await far.Output.CompleteAsync();
        await closing.WaitAsync(Limit);
        Assert.True(near.IsClosed);
        far.Dispose();
        Assert.Equal(0, SocketBlock.Lent);
    });

    private async Task<(SocketPipe Near, SocketPipe Far)> PairAsync()
    {
        using var listener = Listen();
        var accepting = listener.AcceptAsync();
        var near = await ConnectAsync(listener.LocalEndPoint);
        return (new SocketPipe(near), new SocketPipe(await accepting));
    }

    private static async Task<string> ReadAsync(PipeReader reader, int length)
    {
        var text = new StringBuilder();
        while (text.Length < length)
        {
            var read = await reader.ReadAsync();
            text.Append(Encoding.ASCII.GetString(read.Buffer));
            reader.AdvanceTo(read.Buffer.End);
            Assert.False(read.IsCompleted && text.Length < length);
        }

        return text.ToString();
    }
}
