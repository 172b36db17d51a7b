using Ambient.Api;
using Ambient.Identity.Tests.Peers;
using Ambient.Identity.Tls;
using Ambient.Identity.Tls.Records;
using Ambient.Linux;

namespace Ambient.Identity.Tests.Tls.Records;

/// <summary>The other end of a real connection: libssl's handshake, then records made by hand. On the loop.</summary>
internal sealed class ScriptedPeer : IDisposable
{
    private readonly TcpSocket _socket;
    private readonly byte[] _received = new byte[1 << 20];
    private int _start;
    private int _end;

    private ScriptedPeer(TcpSocket socket, PeerKey sealing, PeerKey opening)
    {
        _socket = socket;
        Sealing = sealing;
        Opening = opening;
    }

    public PeerKey Sealing { get; }

    public PeerKey Opening { get; }

    /// <summary>Connects a peer in a role with a connection in the other.</summary>
    public static async Task<(ScriptedPeer Peer, TlsConnection Connection)> ConnectAsync(
        LoopPair pair, TestAuthority authority, TlsRole role, TlsOptions? options = null)
    {
        using var web = authority.Certificate(PeerFixture.WebUri, options: role == TlsRole.Server ? options : null);
        using var db = authority.Certificate(PeerFixture.DbUri, options: role == TlsRole.Client ? options : null);
        var (clientSocket, serverSocket) = await pair.SocketsAsync();
        if (role == TlsRole.Client)
        {
            var accepting = TlsConnection.ServerAsync(serverSocket, db.Server, LoopPair.Limit).AsTask();
            var peer = await ShakeHandsAsync(clientSocket, web.Client);
            return (peer, await accepting);
        }
        else
        {
            var connecting = TlsConnection.ClientAsync(clientSocket, web.Client, [SpiffeId.Parse(PeerFixture.DbUri)], LoopPair.Limit).AsTask();
            var peer = await ShakeHandsAsync(serverSocket, db.Server);
            return (peer, await connecting);
        }
    }

    public byte[] Data(string text) => Sealing.Seal(RecordType.ApplicationData, System.Text.Encoding.ASCII.GetBytes(text));

    public byte[] Handshake(params ReadOnlySpan<byte> content) => Sealing.Seal(RecordType.Handshake, content);

    public byte[] Alert(params ReadOnlySpan<byte> content) => Sealing.Seal(RecordType.Alert, content);

    /// <summary>A KeyUpdate, after which the new key is used.</summary>
    public byte[] KeyUpdate(byte request)
    {
        var record = Handshake(24, 0, 0, 1, request);
        Sealing.Update();
        return record;
    }

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            await _socket.WaitWritableAsync();
            var sent = _socket.TrySend(bytes.Span);
            Assert.True(sent.Ok || sent.WouldBlock);
            bytes = bytes[sent.Count..];
        }
    }

    public void EndSending() => _socket.ShutdownSend();

    /// <summary>The next record, as its sender protected it; null when the sender has ended.</summary>
    public async Task<byte[]?> ReceiveRecordAsync()
    {
        while (_end - _start < 5 || _end - _start < 5 + (_received[_start + 3] << 8) + _received[_start + 4])
        {
            if (_start > _received.Length / 2)
            {
                _received.AsSpan(_start, _end - _start).CopyTo(_received);
                (_start, _end) = (0, _end - _start);
            }

            await _socket.WaitReadableAsync();
            var got = _socket.TryReceive(_received.AsSpan(_end));
            if (got.EndOfStream || (!got.Ok && !got.WouldBlock))
            {
                Assert.Equal(_start, _end);
                return null;
            }

            _end += got.Count;
        }

        var length = 5 + (_received[_start + 3] << 8) + _received[_start + 4];
        _start += length;
        return _received[(_start - length).._start];
    }

    public async Task<(RecordType Type, byte[] Content)> ReceiveAsync()
    {
        var record = await ReceiveRecordAsync();
        Assert.NotNull(record);
        return Opening.Open(record);
    }

    /// <summary>The next record has to hold exactly this.</summary>
    public async Task ExpectAsync(RecordType type, byte[] content)
    {
        var received = await ReceiveAsync();
        Assert.Equal(type, received.Type);
        Assert.Equal(content, received.Content);
    }

    public void Dispose()
    {
        Sealing.Dispose();
        Opening.Dispose();
        _socket.Dispose();
    }

    private static async Task<ScriptedPeer> ShakeHandsAsync(TcpSocket socket, TlsContext context)
    {
        using var session = new TlsSession(context, PeerPolicy.TrustDomain("cluster.local"));
        var received = new byte[16_384];
        var held = 0;
        while (true)
        {
            var state = session.Handshake(received.AsSpan(0, held), ended: false, out var consumed);
            received.AsSpan(consumed, held - consumed).CopyTo(received);
            held -= consumed;
            var output = TlsSession.Output.ToArray();
            await LoopPair.SendAsync(socket, output);
            if (state == HandshakeState.Complete)
            {
                var secrets = session.TakeSecrets()!;
                var (own, other) = context.Role == TlsRole.Client ? (secrets.Client, secrets.Server) : (secrets.Server, secrets.Client);
                var peer = new ScriptedPeer(socket, new PeerKey(own), new PeerKey(other));
                received.AsSpan(0, held).CopyTo(peer._received);
                peer._end = held;
                return peer;
            }

            Assert.Equal(HandshakeState.NeedsInput, state);
            await socket.WaitReadableAsync();
            held += socket.TryReceive(received.AsSpan(held)).Count;
        }
    }
}
