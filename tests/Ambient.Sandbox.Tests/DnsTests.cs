using System.Buffers.Binary;
using System.Net;
using Ambient.Sandbox.Dns;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ambient.Sandbox.Tests;

/// <summary>The cluster's name server, datagram by datagram.</summary>
public sealed class DnsTests : IAsyncLifetime
{
    private readonly ClusterDns _dns = new(IPAddress.Loopback, new Names(), NullLogger.Instance);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _dns.DisposeAsync();

    [Theory]
    [InlineData("catalog.shop.svc.cluster.local", DnsMessage.TypeA, DnsMessage.NoError, "10.1.2.3")]
    [InlineData("CATALOG.shop.svc.Cluster.Local", DnsMessage.TypeA, DnsMessage.NoError, "10.1.2.3")]
    [InlineData("catalog.shop.svc.cluster.local", DnsMessage.TypeAaaa, DnsMessage.NoError, "fd00::3")]
    [InlineData("catalog.shop.svc.cluster.local", (ushort)16, DnsMessage.NoError, null)]
    [InlineData("missing.shop.svc.cluster.local", DnsMessage.TypeA, DnsMessage.NameError, null)]
    [InlineData("example.org", DnsMessage.TypeA, DnsMessage.NameError, null)]
    public void Names_of_the_cluster_are_answered_and_no_others(string name, ushort type, int code, string? address)
    {
        var query = Query(name, type);
        var answer = _dns.Answer(query)!;
        Assert.Equal(query[..2], answer[..2]);
        Assert.Equal(0x80, answer[2] & 0x80);
        Assert.Equal(code, answer[3] & 0x0f);
        Assert.Equal(address is null ? 0 : 1, BinaryPrimitives.ReadUInt16BigEndian(answer.AsSpan(6)));
        if (address is not null)
        {
            var bytes = IPAddress.Parse(address).GetAddressBytes();
            Assert.Equal(bytes, answer[^bytes.Length..]);
        }
    }

    [Fact]
    public void What_is_no_query_gets_a_format_error_or_nothing()
    {
        var good = Query("a.b.svc.cluster.local", DnsMessage.TypeA);
        Assert.Null(_dns.Answer([]));
        Assert.Null(_dns.Answer(good.AsSpan(0, 11)));
        var response = good.ToArray();
        response[2] |= 0x80;
        Assert.Null(_dns.Answer(response)); // two servers must not talk to each other for ever
        for (var length = 12; length < good.Length; length++)
        {
            Assert.Equal(DnsMessage.FormatError, _dns.Answer(good.AsSpan(0, length))![3] & 0x0f);
        }

        var pointer = good.ToArray();
        pointer[12] = 0xc0;
        Assert.Equal(DnsMessage.FormatError, _dns.Answer(pointer)![3] & 0x0f);
    }

    private static byte[] Query(string name, ushort type)
    {
        var query = new List<byte> { 0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0 };
        foreach (var label in name.Split('.'))
        {
            query.Add((byte)label.Length);
            query.AddRange(System.Text.Encoding.ASCII.GetBytes(label));
        }

        query.AddRange([0, (byte)(type >> 8), (byte)type, 0, 1]);
        return [.. query];
    }

    private sealed class Names : IClusterNames
    {
        public IReadOnlyList<IPAddress>? Resolve(string name) =>
            name == "catalog.shop.svc.cluster.local" ? [IPAddress.Parse("10.1.2.3"), IPAddress.Parse("fd00::3")] : null;
    }
}
