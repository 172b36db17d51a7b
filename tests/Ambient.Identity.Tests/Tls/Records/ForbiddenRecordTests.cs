using Ambient.Identity.Tests.Peers;
using Ambient.Identity.Tls;
using Ambient.Identity.Tls.Records;

namespace Ambient.Identity.Tests.Tls.Records;

/// <summary>
/// What a peer may not send (RFC 8446 §4.6, §5 and §6), over real connections: the alert that the peer gets for it, and what our
/// side is told. What came before it is delivered.
/// </summary>
public sealed class ForbiddenRecordTests : IAsyncDisposable
{
    private static readonly Dictionary<string, (Alert Answer, TlsRole Peer, Func<ScriptedPeer, byte[]> Send)> Scripts = new()
    {
        ["a flipped bit in the ciphertext"] = (Alert.BadRecordMac, TlsRole.Client, peer => Flip(peer.Data("data"), 6)),
        ["a flipped bit in the tag"] = (Alert.BadRecordMac, TlsRole.Client, peer => Flip(peer.Data("data"), -1)),
        ["a shortened record"] = (Alert.BadRecordMac, TlsRole.Client, peer => Shorten(peer.Data("data"))),
        ["a replayed record"] = (Alert.BadRecordMac, TlsRole.Client, peer => Twice(peer.Data("data"))),
        ["records in another order"] = (Alert.BadRecordMac, TlsRole.Client, peer => Swap(peer.Data("data"), peer.Data("more"))),
        ["a record left out"] = (Alert.BadRecordMac, TlsRole.Client, peer => Second(peer.Data("data"), peer.Data("more"))),
        ["a record of the key before"] = (Alert.BadRecordMac, TlsRole.Client, peer => [.. peer.Handshake(24, 0, 0, 1, 0), .. peer.Data("late")]),
        ["a record with a tag alone, of random bytes"] = (Alert.BadRecordMac, TlsRole.Client, _ => [23, 3, 3, 0, 16, .. new byte[16]]),
        ["a record shorter than a tag"] = (Alert.BadRecordMac, TlsRole.Client, _ => [23, 3, 3, 0, 15, .. new byte[15]]),
        ["an empty record without protection"] = (Alert.BadRecordMac, TlsRole.Client, _ => [23, 3, 3, 0, 0]),
        ["the header of a record one byte too large"] = (Alert.RecordOverflow, TlsRole.Client, _ => [23, 3, 3, 0x41, 0x01]),
        ["the header of a record of 65,535 bytes"] = (Alert.RecordOverflow, TlsRole.Client, _ => [23, 3, 3, 0xFF, 0xFF]),
        ["16,385 bytes of data"] = (Alert.RecordOverflow, TlsRole.Client, peer => peer.Sealing.Seal(RecordType.ApplicationData, new byte[16_385])),
        ["padding beyond 16,385 bytes"] = (Alert.RecordOverflow, TlsRole.Client, peer => peer.Sealing.Seal(RecordType.ApplicationData, [1], 16_384)),
        ["nothing but padding"] = (Alert.UnexpectedMessage, TlsRole.Client, peer => peer.Sealing.SealInner(new byte[100])),
        ["nothing at all"] = (Alert.UnexpectedMessage, TlsRole.Client, peer => peer.Sealing.SealInner([])),
        ["type 0 is padding: type 20 remains"] = (Alert.UnexpectedMessage, TlsRole.Client, peer => peer.Sealing.SealInner([20, 0])),
        ["a protected change_cipher_spec"] = (Alert.UnexpectedMessage, TlsRole.Client, peer => peer.Sealing.Seal(RecordType.ChangeCipherSpec, [1])),
        ["a protected heartbeat"] = (Alert.UnexpectedMessage, TlsRole.Client, peer => peer.Sealing.Seal((RecordType)24, [1, 0, 0])),
        ["a protected record of type 255"] = (Alert.UnexpectedMessage, TlsRole.Client, peer => peer.Sealing.Seal((RecordType)255, [1])),
        ["a change_cipher_spec after the handshake"] = (Alert.UnexpectedMessage, TlsRole.Client, _ => [20, 3, 3, 0, 1, 1]),
        ["an unprotected alert"] = (Alert.UnexpectedMessage, TlsRole.Client, _ => [21, 3, 3, 0, 2, 2, 80]),
        ["an unprotected close_notify"] = (Alert.UnexpectedMessage, TlsRole.Client, _ => [21, 3, 3, 0, 2, 1, 0]),
        ["an unprotected handshake message"] = (Alert.UnexpectedMessage, TlsRole.Client, _ => [22, 3, 3, 0, 5, 24, 0, 0, 1, 0]),
        ["a record of type 0"] = (Alert.UnexpectedMessage, TlsRole.Client, _ => [0, 3, 3, 0, 1, 1]),
        ["another version"] = (Alert.DecodeError, TlsRole.Client, peer => peer.Sealing.SealInner([1, 23], 0x301)),
        ["the version of TLS 1.3 itself"] = (Alert.DecodeError, TlsRole.Client, peer => peer.Sealing.SealInner([1, 23], 0x304)),
        ["an empty handshake record"] = (Alert.UnexpectedMessage, TlsRole.Client, peer => peer.Handshake()),
        ["an empty, padded handshake record"] = (Alert.UnexpectedMessage, TlsRole.Client, peer => peer.Sealing.Seal(RecordType.Handshake, [], 9)),
        ["an empty alert record"] = (Alert.UnexpectedMessage, TlsRole.Client, peer => peer.Alert()),
        ["half an alert"] = (Alert.DecodeError, TlsRole.Client, peer => peer.Alert(2)),
        ["two alerts in one record"] = (Alert.DecodeError, TlsRole.Client, peer => peer.Alert(1, 90, 1, 0)),
        ["a KeyUpdate with more behind it"] = (Alert.UnexpectedMessage, TlsRole.Client, peer => peer.Handshake(24, 0, 0, 1, 0, 24, 0, 0, 1, 0)),
        ["a KeyUpdate with a fragment behind it"] = (Alert.UnexpectedMessage, TlsRole.Client, peer => peer.Handshake(24, 0, 0, 1, 0, 24)),
        ["an empty KeyUpdate"] = (Alert.DecodeError, TlsRole.Client, peer => peer.Handshake(24, 0, 0, 0)),
        ["a KeyUpdate of two bytes"] = (Alert.DecodeError, TlsRole.Client, peer => peer.Handshake(24, 0, 0, 2, 0, 0)),
        ["a KeyUpdate of 16 MB"] = (Alert.DecodeError, TlsRole.Client, peer => peer.Handshake(24, 255, 255, 255, 0)),
        ["a KeyUpdate with another request"] = (Alert.IllegalParameter, TlsRole.Client, peer => peer.Handshake(24, 0, 0, 1, 2)),
        ["a ticket for a server"] = (Alert.UnexpectedMessage, TlsRole.Client, peer => peer.Handshake(AllowedRecordTests.Ticket(50))),
        ["a ticket that is too short"] = (Alert.DecodeError, TlsRole.Server, peer => peer.Handshake(4, 0, 0, 13, 0)),
        ["a ticket that is too long"] = (Alert.DecodeError, TlsRole.Server, peer => peer.Handshake(4, 2, 1, 0x0A)),
        ["a CertificateRequest"] = (Alert.UnexpectedMessage, TlsRole.Server, peer => peer.Handshake(13, 0, 0, 3, 0, 0, 0)),
        ["a CertificateRequest, of which the type has come"] = (Alert.UnexpectedMessage, TlsRole.Server, peer => peer.Handshake(13)),
        ["another ClientHello"] = (Alert.UnexpectedMessage, TlsRole.Client, peer => peer.Handshake(1, 0, 0, 3, 0, 0, 0)),
        ["a HelloRequest"] = (Alert.UnexpectedMessage, TlsRole.Server, peer => peer.Handshake(0, 0, 0, 0)),
        ["an EndOfEarlyData"] = (Alert.UnexpectedMessage, TlsRole.Client, peer => peer.Handshake(5, 0, 0, 0)),
        ["another Finished"] = (Alert.UnexpectedMessage, TlsRole.Client, peer => peer.Handshake([20, 0, 0, 32, .. new byte[32]])),
        ["data inside a handshake message"] = (Alert.UnexpectedMessage, TlsRole.Server, peer => [.. peer.Handshake(AllowedRecordTests.Ticket(50).AsSpan(..20)), .. peer.Data("x")]),
        ["empty data inside a handshake message"] = (Alert.UnexpectedMessage, TlsRole.Client, peer => [.. peer.Handshake(24, 0), .. peer.Data("")]),
        ["close_notify inside a handshake message"] = (Alert.UnexpectedMessage, TlsRole.Client, peer => [.. peer.Handshake(24), .. peer.Alert(1, 0)]),
        ["33 KeyUpdates without data"] = (Alert.UnexpectedMessage, TlsRole.Client, peer => Many(33, () => peer.KeyUpdate(1))),
        ["33 empty records"] = (Alert.UnexpectedMessage, TlsRole.Client, peer => Many(33, () => peer.Data(""))),
        ["33 padded empty records"] = (Alert.UnexpectedMessage, TlsRole.Client, peer => Many(33, () => peer.Sealing.Seal(RecordType.ApplicationData, [], 100))),
        ["33 records with tickets"] = (Alert.UnexpectedMessage, TlsRole.Server, peer => Many(33, () => peer.Handshake(AllowedRecordTests.Ticket(50)))),
        ["33 times user_canceled"] = (Alert.UnexpectedMessage, TlsRole.Client, peer => Many(33, () => peer.Alert(1, 90))),
    };

    private readonly TestAuthority _authority = new();
    private readonly LoopPair _pair = new();

    public static TheoryData<string> Names => [.. Scripts.Keys];

    public async ValueTask DisposeAsync()
    {
        await _pair.DisposeAsync();
        _authority.Dispose();
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Is_answered_with_its_alert(string name) => await OnLoopAsync(async () =>
    {
        var (answer, role, send) = Scripts[name];
        var (peer, connection) = await ScriptedPeer.ConnectAsync(_pair, _authority, role);
        using (peer)
        using (connection)
        {
            await peer.SendAsync(peer.Data("before"));
            await peer.SendAsync(send(peer));
            var broken = await Assert.ThrowsAsync<TlsException>(() => ReadAfterAsync(connection));
            Assert.Equal(TlsFailure.Protocol, broken.Failure);
            await peer.ExpectAsync(RecordType.Alert, [2, (byte)answer]);

            // Nothing follows a fatal alert.
            connection.Output.GetSpan()[0] = 1;
            connection.Output.Advance(1);
            await connection.Output.FlushAsync();
            await _pair.Loop.Yield();
            Assert.Same(broken, await Assert.ThrowsAsync<TlsException>(async () => await connection.Output.FlushAsync()));
            connection.Dispose();
            Assert.Null(await peer.ReceiveRecordAsync());
        }
    });

    [Theory]
    [InlineData(1, 10, TlsFailure.RefusedByPeer)]
    [InlineData(2, 20, TlsFailure.RefusedByPeer)]
    [InlineData(2, 40, TlsFailure.NothingInCommon)]
    [InlineData(0, 42, TlsFailure.RefusedByPeer)]
    [InlineData(2, 48, TlsFailure.RefusedByPeer)]
    [InlineData(1, 70, TlsFailure.NothingInCommon)]
    [InlineData(2, 80, TlsFailure.RefusedByPeer)]
    [InlineData(1, 100, TlsFailure.RefusedByPeer)] // no_renegotiation, a warning once
    [InlineData(2, 116, TlsFailure.RefusedByPeer)]
    [InlineData(2, 120, TlsFailure.NothingInCommon)]
    [InlineData(255, 255, TlsFailure.RefusedByPeer)] // unknown
    public async Task Fatal_alerts_end_the_session_whatever_their_level(byte level, byte alert, TlsFailure failure) => await OnLoopAsync(async () =>
    {
        var (peer, connection) = await ScriptedPeer.ConnectAsync(_pair, _authority, TlsRole.Server);
        using (peer)
        using (connection)
        {
            await peer.SendAsync(peer.Data("before"));
            await peer.SendAsync(peer.Alert(level, alert));
            var refused = await Assert.ThrowsAsync<TlsException>(() => ReadAfterAsync(connection));
            Assert.Equal(failure, refused.Failure);
            Assert.Contains($"alert {alert},", refused.Message, StringComparison.Ordinal);
            connection.Dispose();
            Assert.Null(await peer.ReceiveRecordAsync());
        }
    });

    [Fact]
    public async Task The_alert_comes_behind_the_records_that_wait_for_the_socket() => await OnLoopAsync(async () =>
    {
        var (peer, connection) = await ScriptedPeer.ConnectAsync(_pair, _authority, TlsRole.Client);
        using (peer)
        using (connection)
        {
            var written = 0;
            while (true)
            {
                connection.Output.GetMemory(16_000);
                connection.Output.Advance(16_000);
                written += 16_000;
                var flushing = connection.Output.FlushAsync().AsTask();
                if (!flushing.IsCompleted)
                {
                    break;
                }
            }

            await peer.SendAsync(Flip(peer.Data("data"), 6));
            var broken = await Assert.ThrowsAsync<TlsException>(async () => await connection.Input.ReadAsync());
            Assert.Equal(TlsFailure.Protocol, broken.Failure);
            var (type, content) = await peer.ReceiveAsync();
            for (; type == RecordType.ApplicationData; (type, content) = await peer.ReceiveAsync())
            {
                written -= content.Length;
            }

            Assert.Equal(RecordType.Alert, type);
            Assert.Equal([2, (byte)Alert.BadRecordMac], content);
            Assert.Equal(0, written);
        }
    });

    private static async Task ReadAfterAsync(TlsConnection connection)
    {
        Assert.Equal("before"u8.ToArray(), (await PeerFixture.ReadAsync(connection, 6))[..6]);
        while (true)
        {
            var result = await connection.Input.ReadAsync();
            Assert.False(result.IsCompleted);
            connection.Input.AdvanceTo(result.Buffer.End);
        }
    }

    private static byte[] Flip(byte[] record, int at)
    {
        record[at < 0 ? record.Length + at : at] ^= 1;
        return record;
    }

    private static byte[] Shorten(byte[] record)
    {
        record[4]--;
        return record[..^1];
    }

    private static byte[] Twice(byte[] record) => [.. record, .. record];

    private static byte[] Swap(byte[] first, byte[] second) => [.. second, .. first];

    private static byte[] Second(byte[] first, byte[] second) => second.Length > 0 ? second : first;

    private static byte[] Many(int count, Func<byte[]> make) => [.. Enumerable.Range(0, count).SelectMany(_ => make())];

    private async Task OnLoopAsync(Func<Task> test) => await _pair.Loop.RunAsync(test).WaitAsync(TimeSpan.FromSeconds(20));
}
