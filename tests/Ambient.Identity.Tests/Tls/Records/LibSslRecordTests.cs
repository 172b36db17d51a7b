using Ambient.Identity.Tests.Peers;
using Ambient.Identity.Tls;
using Ambient.Identity.Tls.Records;

namespace Ambient.Identity.Tests.Tls.Records;

/// <summary>What differs where libssl makes the records.</summary>
public sealed class LibSslRecordTests : IAsyncDisposable
{
    private readonly TestAuthority _authority = new();
    private readonly LoopPair _pair = new();

    public async ValueTask DisposeAsync()
    {
        await _pair.DisposeAsync();
        _authority.Dispose();
    }

    /// <summary>libssl answers the first of two requests while it reads the second, and has new keys from then on.</summary>
    [Theory]
    [InlineData(TlsRole.Client)]
    [InlineData(TlsRole.Server)]
    internal async Task Each_answer_to_a_request_for_new_keys_is_sent(TlsRole role) => await _pair.Loop.RunAsync(async () =>
    {
        var (peer, connection) = await ScriptedPeer.ConnectAsync(_pair, _authority, role, new TlsOptions { Records = TlsRecordLayer.LibSsl });
        using (peer)
        using (connection)
        {
            for (var request = 0; request < 3; request++)
            {
                await peer.SendAsync(peer.KeyUpdate(1));
            }

            await peer.SendAsync(peer.Data("data"));
            Assert.Equal("data"u8.ToArray(), await PeerFixture.ReadAsync(connection, 4));
            await LoopPair.WriteAsync(connection.Output, "answer"u8.ToArray());
            while (true)
            {
                var (type, content) = await peer.ReceiveAsync();
                if (type == RecordType.ApplicationData)
                {
                    Assert.Equal("answer"u8.ToArray(), content);
                    return;
                }

                if (content[0] == 24) // new keys; tickets come too
                {
                    peer.Opening.Update();
                }
            }
        }
    }).WaitAsync(LoopPair.Limit);
}
