using System.Net;
using System.Text;
using Ambient.Api;

namespace Ambient.Sandbox.Demo;

/// <summary>What a capture of the link between nodes proves.</summary>
internal sealed record LinkReport(
    int Frames,
    int PodFrames,
    int Tunnels,
    int TlsRecords,
    long TunnelBytes,
    IReadOnlyList<string> OtherPorts,
    IReadOnlyList<string> NotTls,
    int MarkerSightings);

/// <summary>
/// Looks through captured frames: is all TCP between pods on port 15008, is every byte of it a TLS record, and does the payload's marker
/// appear in any frame at all?
/// </summary>
internal static class LinkInspection
{
    /// <summary>RFC 8446 section 5.1: 2^14 bytes of plaintext, 256 of expansion.</summary>
    private const int LongestRecord = 16384 + 256;

    /// <summary>Inspects frames.</summary>
    /// <param name="packets">The capture.</param>
    /// <param name="isPod">Whether an address is a pod's.</param>
    /// <param name="marker">What must not appear.</param>
    public static LinkReport Inspect(IReadOnlyList<CapturedPacket> packets, Func<IPAddress, bool> isPod, string marker)
    {
        var wanted = Encoding.ASCII.GetBytes(marker);
        var between = packets.Where(packet => packet.Source is not null && isPod(packet.Source.Address) && isPod(packet.Destination!.Address)).ToArray();
        var tunnelled = between.Where(packet => packet.Source!.Port == Ports.Hbone || packet.Destination!.Port == Ports.Hbone).ToArray();
        var flows = tunnelled.GroupBy(packet => (packet.Source, packet.Destination)).ToArray();
        var (records, bytes, faults) = (0, 0L, new List<string>());
        foreach (var flow in flows)
        {
            var stream = Join([.. flow]);
            bytes += stream.Length;
            var (count, fault) = CountRecords(stream);
            records += count;
            if (fault is not null)
            {
                faults.Add($"{flow.Key.Source} to {flow.Key.Destination}: {fault}");
            }
        }

        return new LinkReport(
            packets.Count,
            between.Length,
            flows.Count(flow => flow.Key.Destination!.Port == Ports.Hbone),
            records,
            bytes,
            [.. between.Except(tunnelled).Select(packet => $"{packet.Source} to {packet.Destination}").Distinct().Order(StringComparer.Ordinal)],
            faults,
            packets.Count(packet => packet.Frame.AsSpan().IndexOf(wanted) >= 0));
    }

    /// <summary>The bytes of one direction in order; what was sent again is taken once.</summary>
    private static byte[] Join(CapturedPacket[] segments)
    {
        // A connection that was there before the capture has no SYN; its first segment then begins the stream.
        var opening = segments.FirstOrDefault(segment => segment.Opens);
        var start = opening is not null ? opening.Sequence + 1 : segments.MinBy(segment => (int)(segment.Sequence - segments[0].Sequence))!.Sequence;
        using var stream = new MemoryStream();
        foreach (var segment in segments.Where(segment => segment.Payload.Length > 0).OrderBy(segment => (int)(segment.Sequence - start)))
        {
            var known = stream.Length - (int)(segment.Sequence - start);
            if (known >= 0 && known < segment.Payload.Length)
            {
                stream.Write(segment.Payload.Span[(int)known..]);
            }
        }

        return stream.ToArray();
    }

    private static (int Records, string? Fault) CountRecords(byte[] stream)
    {
        var records = 0;
        for (var at = 0; at + 5 <= stream.Length; records++)
        {
            // RFC 8446 section 5.1: type 20 to 23, version 0x0301 or 0x0303, length.
            var length = (stream[at + 3] << 8) | stream[at + 4];
            if (stream[at] is < 20 or > 23 || stream[at + 1] != 3 || stream[at + 2] is not (1 or 3) || length > LongestRecord)
            {
                return (records, $"byte {at} begins no TLS record");
            }

            at += 5 + length;
        }

        return (records, null);
    }
}
