using System.Net;

namespace Ambient.Bench.Load;

/// <summary>Where connections go, in turn. Used by several loops.</summary>
internal sealed class Destinations(IEnumerable<string> addresses)
{
    private readonly IPEndPoint[] _all = [.. addresses.SelectMany(Expand)];
    private uint _next;

    public IPEndPoint Next() => _all[(Interlocked.Increment(ref _next) - 1) % (uint)_all.Length];

    /// <summary><c>10.0.0.0/20:7000</c> means all 4,096 addresses.</summary>
    private static IEnumerable<IPEndPoint> Expand(string address)
    {
        var parts = address.Split('/', ':');
        if (parts.Length == 2)
        {
            return [IPEndPoint.Parse(address)];
        }

        var network = new IPNetwork(IPAddress.Parse(parts[0]), int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture));
        var first = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(network.BaseAddress.GetAddressBytes());
        var port = int.Parse(parts[2], System.Globalization.CultureInfo.InvariantCulture);
        return Enumerable.Range(0, 1 << (32 - network.PrefixLength)).Select(offset =>
        {
            var bytes = new byte[4];
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(bytes, first + (uint)offset);
            return new IPEndPoint(new IPAddress(bytes), port);
        });
    }
}
