using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Derivation;

namespace Ambient.ControlPlane.Entries;

/// <summary>
/// Addresses for hosts of ServiceEntries that name none, so that clients can be captured who look them up: one of each family for each host,
/// 240.240.0.0/16 and 2001:2::/48, as Istio allocates them.
/// </summary>
internal static class EntryAddresses
{
    private const string OptOut = "networking.istio.io/enable-autoallocate-ip";

    private static readonly byte[] First4 = [240, 240, 0, 0];
    private static readonly byte[] First6 = [0x20, 0x01, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    /// <summary>Whether a host of an entry is to have addresses of ours.</summary>
    public static bool IsEligible(ServiceEntry entry, string host) => entry.Spec is { Addresses: null or { Count: 0 } } spec
        && spec.Resolution is not (null or "" or "NONE")
        && entry.Metadata.Label(OptOut) != "false"
        && (!host.StartsWith('*') || spec.Resolution == "DYNAMIC_DNS");

    /// <summary>
    /// What entries' allocated addresses have to become, by key, where they are not so yet. What an entry has stays: addresses are in clients' hands.
    /// Of two that have the same the older keeps it; one that somebody chose by hand is left to him.
    /// </summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<ServiceEntryAddress>> Due(IEnumerable<ServiceEntry> entries)
    {
        var byAge = entries
            .OrderBy(entry => entry.Metadata.CreationTimestamp ?? DateTimeOffset.MaxValue)
            .ThenBy(entry => ResourceKey.Of(entry), StringComparer.Ordinal)
            .ToList();
        var taken = byAge.SelectMany(entry => entry.Spec?.Addresses ?? []).Select(NumberOf).OfType<int>().ToHashSet();
        var kept = byAge.ToDictionary(entry => entry, entry => Kept(entry, taken));
        var due = new Dictionary<string, IReadOnlyList<ServiceEntryAddress>>(StringComparer.Ordinal);
        var next = 0;
        foreach (var entry in byAge)
        {
            List<ServiceEntryAddress> wanted = [];
            foreach (var host in (entry.Spec?.Hosts ?? []).Where(host => IsEligible(entry, host)).Distinct())
            {
                if (!kept[entry].TryGetValue(host, out var number))
                {
                    do
                    {
                        next++;
                    }
                    while (!taken.Add(next));
                    number = next;
                }

                if (number > ushort.MaxValue - 1)
                {
                    // The block is used up: 65,534 hosts have their addresses, and further ones go without.
                    continue;
                }

                wanted.Add(new ServiceEntryAddress { Host = host, Value = Address(First4, number) });
                wanted.Add(new ServiceEntryAddress { Host = host, Value = Address(First6, number) });
            }

            if (!wanted.SequenceEqual(entry.Status?.Addresses ?? []))
            {
                due[ResourceKey.Of(entry)] = wanted;
            }
        }

        return due;
    }

    private static Dictionary<string, int> Kept(ServiceEntry entry, HashSet<int> taken)
    {
        var kept = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var address in entry.Status?.Addresses ?? [])
        {
            if (address is { Host: { } host, Value: { } value } && IsEligible(entry, host) && !kept.ContainsKey(host)
                && NumberOf(value) is { } number && taken.Add(number))
            {
                kept[host] = number;
            }
        }

        return kept;
    }

    /// <summary>Which of ours an address is; null for one of others.</summary>
    private static int? NumberOf(string text)
    {
        if (!IPAddress.TryParse(text, out var address))
        {
            return null;
        }

        var bytes = address.GetAddressBytes();
        var prefix = address.AddressFamily == AddressFamily.InterNetwork ? First4.AsSpan(0, 2) : First6.AsSpan(0, 14);
        return bytes.AsSpan().StartsWith(prefix) ? BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(bytes.Length - 2)) : null;
    }

    private static string Address(byte[] first, int number)
    {
        byte[] bytes = [.. first];
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(bytes.Length - 2), (ushort)number);
        return new IPAddress(bytes).ToString();
    }
}
