using System.Text;
using Ambient.Identity.Tls;
using Ambient.Identity.Tls.Records;

namespace Ambient.Identity.Tests.Tls.Records;

/// <summary>The example handshake of RFC 8448 §3: its secrets, keys and every record that is protected by them.</summary>
public sealed class Rfc8448Tests
{
    private const string ClientSecret = "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5";
    private const string ServerSecret = "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643";

    private const string Ticket =
        "040000c90000001efad6aac502000000b22c035d829359ee5ff7af4ec900000000262a6494dc486d2c8a34cb33fa90bf1b0070ad3c498883c9367c09a2be785a"
        + "bc55cd226097a3a982117283f82a03a143efd3ff5dd36d64e861be7fd61d2827db279cce145077d454a3664d4e6da4d29ee03725a6a4dafcd0fc67d2aea70529"
        + "513e3da2677fa5906c5b3f7d8f92f228bda40dda721470f9fbf297b5aea617646fac5c03272e970727c621a79141ef5f7de6505e5bfbc388e93343694093934a"
        + "e4d3570008002a000400000400";

    private const string TicketRecord =
        "17030300de3a6b8f90414a97d6959c3487680de5134a2b240e6cffac116e95d41d6af8f6b580dcf3d11d63c758db289a"
        + "015940252f55713e061dc13e078891a38efbcf5753ad8ef170ad3c7353d16d9da773b9ca7f2b9fa1b6c0d4a3d03f75e0"
        + "9c30ba1e62972ac46f75f7b981be63439b2999ce13064615139891d5e4c5b406f16e3fc181a77ca475840025db2f0a77"
        + "f81b5ab05b94c01346755f69232c86519d86cbeeac87aac347d143f9605d64f650db4d023e70e952ca49fe5137121c74"
        + "bc2697687e248746d6df353005f3bce18696129c8153556b3b6c6779b37bf15985684f";

    private const string ClientData =
        "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4";

    private const string ServerData =
        "17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6dffc602dcb501a59a8fcc49c4bf2e5f0a21c0047c2abf332540dd032e167c2955d";

    private const string ClientClose = "1703030013c9872760655666b74d7ff1153efd6db6d0b0e3";
    private const string ServerClose = "1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9";

    private static readonly byte[] Payload = [.. Enumerable.Range(0, 50).Select(value => (byte)value)];

    [Theory]
    [InlineData(ClientSecret, "17422dda596ed5d9acd890e3c63f5051", "5b78923dee08579033e523d9")]
    [InlineData(ServerSecret, "9f02283b6c9c07efc26bb9f2ac92e356", "cf782b88dd83549aadf1e984")]
    public void Keys_and_IVs_are_those_of_the_example(string secret, string key, string iv)
    {
        using var traffic = new TrafficSecret();
        traffic.SetHex(Encoding.ASCII.GetBytes(secret));
        Assert.True(traffic.IsKnown);
        var (derivedKey, derivedIv) = (new byte[traffic.KeyLength], new byte[12]);
        traffic.DeriveKeys(derivedKey, derivedIv);
        Assert.Equal((key, iv), (Hex(derivedKey), Hex(derivedIv)));
    }

    [Fact]
    public void The_clients_records_are_those_of_the_example()
    {
        using var client = Records(TlsRole.Client);
        Assert.Equal(ClientData, Hex(Seal(client)));
        var opened = Open(client, TicketRecord, out _);
        Assert.Equal((0, false), (opened.Length, opened.Closed));
        opened = Open(client, ServerData, out var data);
        Assert.Equal(Payload, data);
        var slot = new byte[100];
        Assert.Equal(ClientClose, Hex(slot.AsSpan(..client.Close(slot))));
        Assert.True(Open(client, ServerClose, out _).Closed);
    }

    [Fact]
    public void The_servers_records_are_those_of_the_example()
    {
        using var peer = new RecordKey(Secrets().Server, encrypts: true, ulong.MaxValue);
        var slot = new byte[300];
        Convert.FromHexString(Ticket).CopyTo(slot, TlsRecords.HeaderSize);
        Assert.Equal(TicketRecord, Hex(slot.AsSpan(..peer.Seal(slot, RecordType.Handshake, Ticket.Length / 2))));
        Payload.CopyTo(slot, TlsRecords.HeaderSize);
        Assert.Equal(ServerData, Hex(slot.AsSpan(..peer.Seal(slot, RecordType.ApplicationData, Payload.Length))));
        using var server = Records(TlsRole.Server);
        Open(server, ClientData, out var data);
        Assert.Equal(Payload, data);
        Assert.True(Open(server, ClientClose, out _).Closed);
    }

    [Theory]
    [InlineData("CLIENT_TRAFFIC_SECRET_0 ", true)]
    [InlineData("SERVER_TRAFFIC_SECRET_0 ", false)]
    public void Only_application_secrets_are_taken_from_the_key_log(string label, bool client)
    {
        var random = new string('a', 64);
        using var secrets = new TrafficSecrets();
        foreach (var other in new[] { "CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET", "EXPORTER_SECRET", "CLIENT_RANDOM", "" })
        {
            secrets.TakeLine(Encoding.ASCII.GetBytes($"{other} {random} {ClientSecret}"));
        }

        secrets.TakeLine(Encoding.ASCII.GetBytes($"{label}{random} "));
        secrets.TakeLine(Encoding.ASCII.GetBytes($"{label}{random} {ClientSecret[..62]}"));
        secrets.TakeLine(Encoding.ASCII.GetBytes($"{label}{random} {ClientSecret[..62]}xx"));
        secrets.TakeLine(Encoding.ASCII.GetBytes($"{label}{random} {ClientSecret}{ClientSecret}"));
        Assert.False(secrets.Client.IsKnown || secrets.Server.IsKnown);
        secrets.TakeLine(Encoding.ASCII.GetBytes($"{label}{random} {ClientSecret}"));
        Assert.Equal((client, !client, false), (secrets.Client.IsKnown, secrets.Server.IsKnown, secrets.AreKnown));
    }

    [Fact]
    public void A_secret_is_wiped_when_it_is_replaced_and_when_it_is_disposed()
    {
        using var traffic = new TrafficSecret();
        traffic.SetHex(Encoding.ASCII.GetBytes(ClientSecret));
        var memory = traffic.Memory;
        Assert.Equal(ClientSecret, Hex(memory.Span[..32]));
        traffic.Update();
        Assert.NotEqual(ClientSecret, Hex(memory.Span[..32]));
        traffic.Dispose();
        Assert.False(memory.Span.ContainsAnyExcept((byte)0));
    }

    [Fact]
    public void A_sequence_number_is_never_used_twice()
    {
        using var key = new RecordKey(Secrets().Client, encrypts: true, ulong.MaxValue, firstSequence: ulong.MaxValue - 1);
        var slot = new byte[100];
        Assert.Equal(23, key.Seal(slot, RecordType.ApplicationData, 1));
        Assert.Throws<TlsException>(() => key.Seal(new byte[100], RecordType.ApplicationData, 1));
        using var opening = new RecordKey(Secrets().Client, encrypts: false, ulong.MaxValue, firstSequence: ulong.MaxValue - 1);
        Assert.True(opening.Open(slot.AsSpan(0, 23)));
        Assert.False(opening.Open(slot.AsSpan(0, 23)));
    }

    private static TrafficSecrets Secrets()
    {
        var secrets = new TrafficSecrets();
        secrets.Client.SetHex(Encoding.ASCII.GetBytes(ClientSecret));
        secrets.Server.SetHex(Encoding.ASCII.GetBytes(ServerSecret));
        return secrets;
    }

    private static EvpRecords Records(TlsRole role) => new(role, Secrets(), TlsOptions.Default.RecordsPerKey);

    private static byte[] Seal(EvpRecords records)
    {
        var slot = new byte[TlsRecords.HeaderSize + Payload.Length + TlsRecords.TrailerRoom];
        Payload.CopyTo(slot, TlsRecords.HeaderSize);
        return slot[..records.Seal(slot, Payload.Length)];
    }

    private static RecordContent Open(EvpRecords records, string record, out byte[] data)
    {
        var bytes = Convert.FromHexString(record);
        var content = records.Open(bytes);
        data = bytes[content.Offset..(content.Offset + content.Length)];
        return content;
    }

    private static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(bytes);
}
