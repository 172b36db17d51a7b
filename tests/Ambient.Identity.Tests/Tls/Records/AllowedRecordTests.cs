using System.Text;
using Ambient.Identity.Tests.Peers;
using Ambient.Identity.Tls;
using Ambient.Identity.Tls.Records;

namespace Ambient.Identity.Tests.Tls.Records;

/// <summary>What a peer may send, unusual as it may be, and what it gets for it.</summary>
public sealed class AllowedRecordTests : IAsyncDisposable
{
    private readonly TestAuthority _authority = new();
    private readonly LoopPair _pair = new();

    /// <summary>A NewSessionTicket (RFC 8446 §4.6.1) with a ticket of some length.</summary>
    internal static byte[] Ticket(int length)
    {
        var body = 4 + 4 + 1 + 8 + 2 + length + 2;
        return
        [
            4, (byte)(body >> 16), (byte)(body >> 8), (byte)body, 0, 0, 0, 30, 1, 2, 3, 4, 8, .. new byte[8],
            (byte)(length >> 8), (byte)length, .. Enumerable.Repeat((byte)24, length), 0, 0,
        ];
    }

    public async ValueTask DisposeAsync()
    {
        await _pair.DisposeAsync();
        _authority.Dispose();
    }

    [Fact]
    public async Task Padding_is_taken_off() => await WithPeerAsync(TlsRole.Client, async (peer, connection) =>
    {
        var full = new byte[16_384];
        full[0] = 1;
        await peer.SendAsync(peer.Sealing.Seal(RecordType.ApplicationData, "ab"u8, 1));
        await peer.SendAsync(peer.Sealing.Seal(RecordType.ApplicationData, "c\0"u8, 255));
        await peer.SendAsync(peer.Sealing.Seal(RecordType.ApplicationData, "d"u8, 16_383));
        await peer.SendAsync(peer.Sealing.Seal(RecordType.Handshake, [24, 0, 0, 1, 0], 1000));
        peer.Sealing.Update();
        await peer.SendAsync(peer.Sealing.Seal(RecordType.ApplicationData, full));
        Assert.Equal((byte[])[.. "abc\0d"u8, .. full], await PeerFixture.ReadAsync(connection, 5 + full.Length));
        await peer.SendAsync(peer.Sealing.Seal(RecordType.Alert, [1, 0], 77));
        Assert.True((await connection.Input.ReadAsync()).IsCompleted);
    });

    [Fact]
    public async Task Records_without_data_are_passed_over_and_a_few_may_follow_each_other() => await WithPeerAsync(TlsRole.Server, async (peer, connection) =>
    {
        for (var round = 0; round < 3; round++)
        {
            for (var index = 0; index < 8; index++)
            {
                await peer.SendAsync(peer.Data(""));
                await peer.SendAsync(peer.Handshake(Ticket(100)));
                await peer.SendAsync(peer.Alert(1, 90));
                await peer.SendAsync(peer.KeyUpdate(0));
            }

            await peer.SendAsync(peer.Data("data"));
            Assert.Equal("data"u8.ToArray(), await PeerFixture.ReadAsync(connection, 4));
        }
    });

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(1000)]
    public async Task Handshake_messages_may_be_cut_into_records_anyhow(int fragment) => await WithPeerAsync(TlsRole.Server, async (peer, connection) =>
    {
        byte[] messages = [.. Ticket(1), .. Ticket(200), .. Ticket(2000), 24, 0, 0, 1, 1];
        foreach (var part in messages.Chunk(fragment))
        {
            await peer.SendAsync(peer.Handshake(part));
        }

        peer.Sealing.Update();
        await peer.SendAsync(peer.Data("data"));
        Assert.Equal("data"u8.ToArray(), await PeerFixture.ReadAsync(connection, 4));
        await AnswersWithNewKeyAsync(peer, connection);
    });

    [Fact]
    public async Task The_largest_ticket_is_passed_over() => await WithPeerAsync(TlsRole.Server, async (peer, connection) =>
    {
        byte[] ticket = [4, 2, 1, 9, .. new byte[131_337]];
        foreach (var part in ticket.Chunk(16_384))
        {
            await peer.SendAsync(peer.Handshake(part));
        }

        await peer.SendAsync(peer.Data("data"));
        Assert.Equal("data"u8.ToArray(), await PeerFixture.ReadAsync(connection, 4));
    });

    [Theory]
    [InlineData(TlsRole.Client, TlsCipher.Aes128Gcm)]
    [InlineData(TlsRole.Server, TlsCipher.Aes128Gcm)]
    [InlineData(TlsRole.Client, TlsCipher.Aes256Gcm)]
    [InlineData(TlsRole.Server, TlsCipher.Aes256Gcm)]
    internal async Task Requests_for_new_keys_are_answered_once_and_before_data(TlsRole role, TlsCipher cipher) => await OnLoopAsync(async () =>
    {
        var options = new TlsOptions { PreferredCipher = cipher };
        var (peer, connection) = await ScriptedPeer.ConnectAsync(_pair, _authority, role, options);
        using (peer)
        using (connection)
        {
            for (var round = 0; round < 5; round++)
            {
                // Several requests while we are silent get one answer (RFC 8446 §4.6.3).
                for (var index = 0; index <= round; index++)
                {
                    await peer.SendAsync(peer.KeyUpdate(1));
                }

                await peer.SendAsync(peer.Data("data"));
                Assert.Equal("data"u8.ToArray(), await PeerFixture.ReadAsync(connection, 4));
                await AnswersWithNewKeyAsync(peer, connection);
                await peer.SendAsync(peer.KeyUpdate(0));
            }

            await connection.Output.CompleteAsync();
            await peer.ExpectAsync(RecordType.Alert, [1, 0]);
        }
    });

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Close_notify_ends_the_stream_whatever_its_level_and_what_follows_is_ignored(byte level) => await WithPeerAsync(TlsRole.Client, async (peer, connection) =>
    {
        await peer.SendAsync((byte[])[.. peer.Data("last"), .. peer.Alert(1, 90), .. peer.Alert(level, 0), .. peer.Data("more"), .. "garbage"u8]);
        Assert.Equal("last"u8.ToArray(), await LoopPair.ReadToEndAsync(connection.Input));

        // The other direction goes on.
        await LoopPair.WriteAsync(connection.Output, "answer"u8.ToArray());
        await peer.ExpectAsync(RecordType.ApplicationData, "answer"u8.ToArray());
        await connection.Output.CompleteAsync();
        await peer.ExpectAsync(RecordType.Alert, [1, 0]);
        Assert.Null(await peer.ReceiveRecordAsync());
    });

    [Theory]
    [InlineData("nothing")]
    [InlineData("user_canceled")]
    [InlineData("half a header")]
    [InlineData("half a record")]
    [InlineData("half a message")]
    public async Task An_end_without_close_notify_is_a_truncation(string last) => await WithPeerAsync(TlsRole.Client, async (peer, connection) =>
    {
        await peer.SendAsync((byte[])[.. peer.Data("data"), .. last switch
        {
            "user_canceled" => peer.Alert(1, 90),
            "half a header" => peer.Alert(1, 0)[..3],
            "half a record" => peer.Alert(1, 0)[..^1],
            "half a message" => peer.Handshake(24, 0),
            _ => [],
        }]);
        peer.EndSending();
        Assert.Equal("data"u8.ToArray(), await PeerFixture.ReadAsync(connection, 4));
        var cut = await Assert.ThrowsAsync<TlsException>(async () => await connection.Input.ReadAsync());
        Assert.Equal(TlsFailure.Truncated, cut.Failure);
    });

    [Fact]
    public async Task Keys_are_replaced_in_time_in_both_directions() => await OnLoopAsync(async () =>
    {
        var options = new TlsOptions { RecordsPerKey = 4 };
        var (peer, connection) = await ScriptedPeer.ConnectAsync(_pair, _authority, TlsRole.Client, options);
        using (peer)
        using (connection)
        {
            // Ours: after four records of a key, an update that asks for nothing comes before the fifth.
            for (var record = 0; record < 9; record++)
            {
                if (record is 4 or 8)
                {
                    await WriteAsync(record);
                    await peer.ExpectAsync(RecordType.Handshake, [24, 0, 0, 1, 0]);
                    peer.Opening.Update();
                    await peer.ExpectAsync(RecordType.ApplicationData, [(byte)record]);
                }
                else
                {
                    await WriteAsync(record);
                    await peer.ExpectAsync(RecordType.ApplicationData, [(byte)record]);
                }
            }

            // The peer's: after four of its records it is asked to, once until it does.
            for (var record = 0; record < 6; record++)
            {
                await peer.SendAsync(peer.Data("x"));
            }

            Assert.Equal(6, (await PeerFixture.ReadAsync(connection, 6)).Length);
            await WriteAsync(9);
            await peer.ExpectAsync(RecordType.Handshake, [24, 0, 0, 1, 1]);
            peer.Opening.Update();
            await peer.ExpectAsync(RecordType.ApplicationData, [9]);
            await WriteAsync(10);
            await peer.ExpectAsync(RecordType.ApplicationData, [10]);
            await peer.SendAsync((byte[])[.. peer.KeyUpdate(0), .. peer.Data("y")]);
            Assert.Single(await PeerFixture.ReadAsync(connection, 1));
            await WriteAsync(11);
            await peer.ExpectAsync(RecordType.ApplicationData, [11]);

            Task WriteAsync(int number) => LoopPair.WriteAsync(connection.Output, [(byte)number]);
        }
    });

    private static async Task AnswersWithNewKeyAsync(ScriptedPeer peer, TlsConnection connection)
    {
        foreach (var text in new[] { "first", "second" })
        {
            var data = Encoding.ASCII.GetBytes(text);
            await LoopPair.WriteAsync(connection.Output, data);
            if (text == "first")
            {
                await peer.ExpectAsync(RecordType.Handshake, [24, 0, 0, 1, 0]);
                peer.Opening.Update();
            }

            await peer.ExpectAsync(RecordType.ApplicationData, data);
        }
    }

    private async Task WithPeerAsync(TlsRole role, Func<ScriptedPeer, TlsConnection, Task> test) => await OnLoopAsync(async () =>
    {
        var (peer, connection) = await ScriptedPeer.ConnectAsync(_pair, _authority, role);
        using (peer)
        using (connection)
        {
            await test(peer, connection);
        }
    });

    private async Task OnLoopAsync(Func<Task> test) => await _pair.Loop.RunAsync(test).WaitAsync(TimeSpan.FromSeconds(20));
}
