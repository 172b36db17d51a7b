using System.Net;
using System.Net.Sockets;
using System.Numerics;

namespace Ambient.ApiServer.Kinds;

/// <summary>Gives out the addresses of a CIDR for services.</summary>
internal sealed class AddressRange
{
    private readonly Lock _gate = new();
    private readonly HashSet<IPAddress> _taken = [];
    private readonly IPNetwork _network;
    private readonly BigInteger _first;
    private readonly BigInteger _count;
    private BigInteger _next;

    public AddressRange(IPNetwork network)
    {
        _network = network;
        _first = new BigInteger(network.BaseAddress.GetAddressBytes(), isUnsigned: true, isBigEndian: true);
        // The first address names the network; the last of IPv4 is its broadcast. 2^16 suffice for any cluster.
        var bits = Family == AddressFamily.InterNetwork ? 32 : 128;
        _count = BigInteger.Min((BigInteger.One << (bits - network.PrefixLength)) - 2, 1 << 16);
        _next = 10;
    }

    public AddressFamily Family => _network.BaseAddress.AddressFamily;

    public string FamilyName => Family == AddressFamily.InterNetwork ? "IPv4" : "IPv6";

    public bool Contains(IPAddress address) => address.AddressFamily == Family && _network.Contains(address);

    /// <summary>Takes an address; false when it is taken.</summary>
    public bool TryTake(IPAddress address)
    {
        lock (_gate)
        {
            return _taken.Add(address);
        }
    }

    /// <summary>Takes any free address, going round so that an address that was freed rests; null when none is free.</summary>
    public IPAddress? TakeAny()
    {
        lock (_gate)
        {
            for (var tries = BigInteger.Zero; tries < _count; tries++)
            {
                var address = At(1 + (_next % _count));
                _next++;
                if (_taken.Add(address))
                {
                    return address;
                }
            }

            return null;
        }
    }

    public bool IsTaken(IPAddress address)
    {
        lock (_gate)
        {
            return _taken.Contains(address);
        }
    }

    public void Free(IPAddress address)
    {
        lock (_gate)
        {
            _taken.Remove(address);
        }
    }

    private IPAddress At(BigInteger offset)
    {
        var bytes = new byte[Family == AddressFamily.InterNetwork ? 4 : 16];
        var value = (_first + offset).ToByteArray(isUnsigned: true, isBigEndian: true);
        value.CopyTo(bytes, bytes.Length - value.Length);
        return new IPAddress(bytes);
    }
}
