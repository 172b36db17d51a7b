namespace Ambient.Linux.Tests;

public sealed class DiscardTests : IAsyncLifetime
{
    private readonly EventLoop _loop = EventLoop.Start("discards");

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _loop.DisposeAsync().AsTask().WithinLimit();

    [Fact]
    public Task Discarded_bytes_are_counted_and_what_follows_is_received() => _loop.RunAsync(async () =>
    {
        var (client, server) = await Sockets.PairAsync(_loop);
        using (client)
        using (server)
        {
            var data = Sockets.Pattern(100_000);
            await Sockets.SendAllAsync(client, data);
            for (var left = 60_000; left > 0;)
            {
                var gone = server.TryDiscard(left);
                if (gone.WouldBlock)
                {
                    await server.WaitReadableAsync();
                    continue;
                }

                Assert.InRange(gone.Count, 1, left);
                left -= gone.Count;
            }

            Assert.Equal(data[60_000..], await Sockets.ReadExactlyAsync(server, 40_000));
            Assert.True(server.TryDiscard(1).WouldBlock);
            client.ShutdownSend();
            await server.WaitReadableAsync();
            Assert.True(server.TryDiscard(1).EndOfStream);
        }

        Assert.Equal(Errno.EBADF, server.TryDiscard(1).Error);
    }).WithinLimit();
}
