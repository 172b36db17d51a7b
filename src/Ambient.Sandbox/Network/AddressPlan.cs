using System.Net;

namespace Ambient.Sandbox.Network;

/// <summary>
/// The addresses of one sandbox, all derived from its slot: <c>10.SLOT.0.0/16</c> and <c>fd5a:6d62:SLOT::/48</c>, so that two
/// sandboxes with different slots never share one.
/// </summary>
internal sealed record AddressPlan(int Slot)
{
    /// <summary>Slots that are tried; container and virtual-machine tools keep to lower second octets of 10/8.</summary>
    public const int FirstSlot = 150;

    /// <summary>The last slot.</summary>
    public const int LastSlot = 249;

    /// <summary>Node n's pods live in the third octet n; services begin at 240.</summary>
    public const int MostNodes = 64;

    /// <summary>The bridge's own address: the cluster's DNS server listens there.</summary>
    public IPAddress Bridge4 => IPAddress.Parse($"10.{Slot}.0.2");

    /// <summary>The bridge's own IPv6 address.</summary>
    public IPAddress Bridge6 => IPAddress.Parse($"{Prefix6}::2");

    /// <summary>The machine's address on the bridge: the API server listens there.</summary>
    public IPAddress Host4 => IPAddress.Parse($"10.{Slot}.0.1");

    /// <summary>The machine's IPv6 address on the bridge.</summary>
    public IPAddress Host6 => IPAddress.Parse($"{Prefix6}::1");

    /// <summary>IPv4 addresses of services.</summary>
    public string ServiceRange4 => $"10.{Slot}.240.0/20";

    /// <summary>IPv6 addresses of services.</summary>
    public string ServiceRange6 => $"{Prefix6}:f000::/108";

    private string Prefix6 => $"fd5a:6d62:{Slot:x}";

    /// <summary>The addresses of node number <paramref name="index"/>, from 1.</summary>
    public NodeAddresses Node(int index) => new(
        IPAddress.Parse($"10.{Slot}.0.{10 + index}"),
        IPAddress.Parse($"{Prefix6}::{10 + index:x}"),
        $"10.{Slot}.{index}.0/24",
        $"{Prefix6}:{index:x}::/64",
        IPAddress.Parse($"10.{Slot}.{index}.1"),
        IPAddress.Parse($"{Prefix6}:{index:x}::1"));
}

/// <summary>A node's own addresses, its pods' ranges, and the gateway that its pods see.</summary>
internal sealed record NodeAddresses(
    IPAddress Address4,
    IPAddress Address6,
    string PodRange4,
    string PodRange6,
    IPAddress Gateway4,
    IPAddress Gateway6);
