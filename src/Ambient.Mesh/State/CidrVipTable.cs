using System.Collections.Immutable;
using System.Net;
using Ambient.Mesh.Model;

namespace Ambient.Mesh.State;

/// <summary>
/// Services by virtual address range. A lookup asks once for each prefix length in use (at most 33 for IPv4 and 129 for
/// IPv6), so it does not grow with the number of services.
/// </summary>
internal sealed class CidrVipTable
{
    private readonly ImmutableDictionary<NetworkCidr, ImmutableArray<Service>> _ranges;
    private readonly ImmutableArray<int> _lengthsV4;
    private readonly ImmutableArray<int> _lengthsV6;

    private CidrVipTable(ImmutableDictionary<NetworkCidr, ImmutableArray<Service>> ranges)
    {
        _ranges = ranges;
        _lengthsV4 = Lengths(v6: false);
        _lengthsV6 = Lengths(v6: true);
    }

    public static CidrVipTable Empty { get; } = new(ImmutableDictionary<NetworkCidr, ImmutableArray<Service>>.Empty);

    public CidrVipTable With(Service service)
    {
        if (service.CidrVips.IsEmpty)
        {
            return this;
        }

        var ranges = _ranges.ToBuilder();
        foreach (var range in service.CidrVips)
        {
            ranges.AddTo(range, service);
        }

        return new CidrVipTable(ranges.ToImmutable());
    }

    public CidrVipTable Without(Service service)
    {
        if (service.CidrVips.IsEmpty)
        {
            return this;
        }

        var ranges = _ranges.ToBuilder();
        foreach (var range in service.CidrVips)
        {
            ranges.RemoveFrom(range, service);
        }

        return new CidrVipTable(ranges.ToImmutable());
    }

    /// <summary>
    /// The service whose range holds the address: the client's own namespace first, then the longest prefix, then the
    /// canonical service. A near namespace comes before a near range, as in Istio.
    /// </summary>
    public Service? Find(string network, IPAddress address, string clientNamespace)
    {
        if (_ranges.IsEmpty)
        {
            return null;
        }

        Service? best = null;
        var lengths = AddressBits.Of(address).IsV6 ? _lengthsV6 : _lengthsV4;
        foreach (var length in lengths)
        {
            if (!_ranges.TryGetValue(new NetworkCidr(network, Cidr.Of(address, length)), out var services)
                || MeshSnapshot.BestVisible(services, clientNamespace) is not { } candidate)
            {
                continue;
            }

            if (candidate.Namespace == clientNamespace)
            {
                return candidate;
            }

            best ??= candidate;
        }

        return best;
    }

    private ImmutableArray<int> Lengths(bool v6) =>
        [.. _ranges.Keys.Where(range => range.Cidr.IsV6 == v6).Select(range => range.Cidr.Length).Distinct().OrderDescending()];
}
