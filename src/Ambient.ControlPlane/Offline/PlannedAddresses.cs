using System.Net;
using Ambient.Api.Kubernetes;

namespace Ambient.ControlPlane.Offline;

/// <summary>Gives addresses to what has none, in the order of asking: from the ranges that clusters usually have.</summary>
internal sealed class PlannedAddresses
{
    private readonly HashSet<string> _taken;
    private int _pods;
    private int _services;

    public PlannedAddresses(IEnumerable<Pod> pods, IEnumerable<Service> services) => _taken =
        [.. pods.Select(pod => pod.Status?.PodIP).Concat(services.Select(service => service.Spec?.ClusterIP)).OfType<string>()];

    public string NextPod() => Next(10, 244, ref _pods);

    /// <summary>The service with what the API server fills in.</summary>
    public Service Assign(Service service)
    {
        if (service.Spec is not { Type: not "ExternalName" } spec)
        {
            return service;
        }

        var address = spec.ClusterIP is { Length: > 0 } own ? own : Next(10, 96, ref _services);
        return service with
        {
            Spec = spec with
            {
                ClusterIP = address,
                ClusterIPs = spec.ClusterIPs ?? [address],
                IpFamilies = spec.IpFamilies ?? ["IPv4"],
                InternalTrafficPolicy = spec.InternalTrafficPolicy ?? "Cluster",
            },
        };
    }

    private string Next(byte first, byte second, ref int last)
    {
        string address;
        do
        {
            last++;
            address = new IPAddress([first, second, (byte)(last >> 8), (byte)last]).ToString();
        }
        while (!_taken.Add(address));

        return address;
    }
}
