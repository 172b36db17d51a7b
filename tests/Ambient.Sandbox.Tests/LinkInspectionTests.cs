using System.Buffers.Binary;
using System.Net;
using System.Text;
using Ambient.Sandbox.Demo;
using Ambient.Sandbox.Processes;

namespace Ambient.Sandbox.Tests;

/// <summary>The judge of captured packets must itself be able to say no.</summary>
public sealed class LinkInspectionTests
{
    private static readonly byte[] Record = [23, 3, 3, 0, 4, 1, 2, 3, 4];

    [Fact]
    public void Tls_records_on_the_tunnel_port_pass_in_any_order_and_sent_twice()
    {
        var stream = Record.Concat(Record).Concat(Record).ToArray();
        var report = Inspect(
            Packet("10.1.1.2", 40000, "10.1.2.2", 15008, 99, true, []),
            Packet("10.1.1.2", 40000, "10.1.2.2", 15008, 110, false, stream[10..]),
            Packet("10.1.1.2", 40000, "10.1.2.2", 15008, 100, false, stream[..12]),
            Packet("10.1.1.2", 40000, "10.1.2.2", 15008, 100, false, stream[..12]));
        Assert.Equal((1, 3, 0, 0), (report.Tunnels, report.TlsRecords, report.OtherPorts.Count, report.NotTls.Count));
        Assert.Equal(stream.Length, report.TunnelBytes);
    }

    [Fact]
    public void Plaintext_in_the_tunnel_another_port_and_the_marker_are_found()
    {
        var report = Inspect(
            Packet("10.1.1.2", 40000, "10.1.2.2", 15008, 100, false, Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\n")),
            Packet("10.1.1.2", 40001, "10.1.2.2", 8080, 100, false, Encoding.ASCII.GetBytes("the MARKER")),
            Packet("10.9.9.9", 40001, "10.1.2.2", 443, 100, false, []));
        Assert.Contains("no TLS record", Assert.Single(report.NotTls), StringComparison.Ordinal);
        Assert.Equal(["10.1.1.2:40001 to 10.1.2.2:8080"], report.OtherPorts);
        Assert.Equal((3, 2, 1), (report.Frames, report.PodFrames, report.MarkerSightings));
    }

    [Fact]
    public async Task A_capture_of_tcpdump_is_read_whole()
    {
        var name = $"ambcap-{Guid.NewGuid():n}"[..20];
        var file = Path.GetTempFileName();
        await Command.ScriptAsync($"ip netns add {name}; ip -n {name} link set lo up");
        try
        {
            await using var capture = await PacketCapture.StartAsync(name, "lo", file, default);
            await Command.TryRunAsync("ip", ["netns", "exec", name, "curl", "-s", "--noproxy", "*", "http://127.0.0.1:1/"]);
            var packets = await capture.StopAsync(default);
            Assert.Contains(packets, packet => packet is { Opens: true, Destination.Port: 1 });
        }
        finally
        {
            await Command.ScriptAsync($"ip netns delete {name}");
            File.Delete(file);
        }
    }

    private static LinkReport Inspect(params CapturedPacket[] packets) =>
        LinkInspection.Inspect(packets, address => address.ToString().StartsWith("10.1.", StringComparison.Ordinal), "MARKER");

    /// <summary>A frame from its parts, by way of the file format.</summary>
    private static CapturedPacket Packet(string source, int sourcePort, string destination, int destinationPort, uint sequence, bool opens, byte[] payload)
    {
        var frame = new byte[54 + payload.Length];
        frame[12] = 0x08;
        frame[14] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(16), (ushort)(40 + payload.Length));
        frame[23] = 6;
        IPAddress.Parse(source).GetAddressBytes().CopyTo(frame, 26);
        IPAddress.Parse(destination).GetAddressBytes().CopyTo(frame, 30);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(34), (ushort)sourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(36), (ushort)destinationPort);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(38), sequence);
        frame[46] = 0x50;
        frame[47] = (byte)(opens ? 0x02 : 0x10);
        payload.CopyTo(frame, 54);
        var file = new byte[40 + frame.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(file, 0xa1b2c3d4);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(32), frame.Length);
        frame.CopyTo(file, 40);
        return Assert.Single(PacketFile.Read(file));
    }
}
