using System.Collections.Immutable;
using System.Net;
using Ambient.Api;
using Ambient.Mesh.Model;
using Google.Protobuf;
using Wds = Ambient.Api.Workloads;

namespace Ambient.Mesh.Config;

/// <summary>
/// Reads WDS resources (type <c>istio.workload.Address</c>) into the model. What cannot be understood is refused with a reason
/// for the control plane; nothing is guessed, because a dropped condition can widen what a resource allows.
/// Not thread-safe: one stream uses one decoder.
/// </summary>
public sealed class WdsDecoder
{
    private readonly Pool<string> _pool = new(StringComparer.Ordinal);
    private readonly Pool<WorkloadTraits> _traits = new(EqualityComparer<WorkloadTraits>.Default);
    private readonly Pool<ImmutableArray<string>> _policies = new(new ArrayContents<string>());
    private readonly Pool<ImmutableArray<PortMapping>> _ports = new(new ArrayContents<PortMapping>());
    private readonly Pool<ImmutableArray<ServiceMembership>> _memberships = new(new ArrayContents<ServiceMembership>());

    /// <summary>
    /// Reads one Address: a workload or a service, whichever it holds. A workload's uid is the name of its resource, so both can be one text.
    /// </summary>
    /// <exception cref="MeshConfigException">It is not an Address, or a field cannot be taken.</exception>
    public (Workload? Workload, Service? Service) DecodeAddress(ByteString bytes, string name = "")
    {
        Wds.Address address;
        try
        {
            address = Wds.Address.Parser.ParseFrom(bytes);
        }
        catch (Exception e) when (IsMalformed(e))
        {
            throw new MeshConfigException($"not an istio.workload.Address: {e.Message}", e);
        }

        if (address.TypeCase == Wds.Address.TypeOneofCase.Workload && address.Workload.Uid == name)
        {
            address.Workload.Uid = name;
        }

        return address.TypeCase switch
        {
            Wds.Address.TypeOneofCase.Workload => (Decode(address.Workload), null),
            Wds.Address.TypeOneofCase.Service => (null, Decode(address.Service)),
            _ => throw new MeshConfigException("the Address holds neither a workload nor a service"),
        };
    }

    /// <summary>Reads a workload.</summary>
    /// <exception cref="MeshConfigException">A field cannot be taken.</exception>
    public Workload Decode(Wds.Workload from)
    {
        if (from.Uid.Length == 0)
        {
            throw new MeshConfigException("uid is empty; every workload needs one");
        }

        return new Workload
        {
            Uid = from.Uid,
            Name = from.Name,
            Addresses = [.. from.Addresses.Select(address => Address(address, "addresses"))],
            Node = _pool.Intern(from.Node),
            Healthy = from.Status switch
            {
                Wds.WorkloadStatus.Healthy => true,
                Wds.WorkloadStatus.Unhealthy => false,
                _ => throw Unknown("status", (int)from.Status),
            },
            Traits = _traits.Intern(Traits(from)),
        };
    }

    /// <summary>Reads a service.</summary>
    /// <exception cref="MeshConfigException">A field cannot be taken.</exception>
    public Service Decode(Wds.Service from)
    {
        if (from.Hostname.Length == 0)
        {
            throw new MeshConfigException("hostname is empty; a service is known by it");
        }

        var ranges = from.Addresses.Where(IsRange).Select(Range);
        return new Service
        {
            Name = _pool.Intern(from.Name),
            Namespace = _pool.Intern(from.Namespace),
            Hostname = _pool.Intern(from.Hostname),
            Vips = [.. from.Addresses.Where(address => !IsRange(address)).Select(NetworkAddress)],
            CidrVips = [.. ranges],
            Ports = Ports(from.Ports, "ports"),
            SubjectAltNames = [.. from.SubjectAltNames.Select(_pool.Intern)],
            Waypoint = Gateway(from.Waypoint, "waypoint"),
            WeightedWaypoints = [.. from.WeightedWaypoints.Select(weighted => new WeightedWaypoint(
                Gateway(weighted.Destination, "weighted_waypoints")
                    ?? throw new MeshConfigException("weighted_waypoints holds an entry without destination"),
                weighted.Weight))],
            LoadBalancing = LoadBalancing(from.LoadBalancing),
            IpFamilies = from.IpFamilies switch
            {
                Wds.IPFamilies.Automatic => IpFamilies.Automatic,
                Wds.IPFamilies.Ipv4Only => IpFamilies.V4,
                Wds.IPFamilies.Ipv6Only => IpFamilies.V6,
                Wds.IPFamilies.Dual => IpFamilies.Dual,
                _ => throw Unknown("ip_families", (int)from.IpFamilies),
            },
            Canonical = from.Canonical,
            // Visibility values that a newer control plane knows count as public, as ztunnel does.
            NamespaceOnly = from.Visibility == Wds.Service.Types.Visibility.Namespace,
        };
    }

    /// <summary>What the protobuf parser throws on bad bytes; inside wrapper messages it is an InvalidOperationException.</summary>
    internal static bool IsMalformed(Exception e) => e is InvalidProtocolBufferException or InvalidOperationException;

    internal static IPAddress Address(ByteString bytes, string field) => bytes.Length is 4 or 16
        ? new IPAddress(bytes.Span)
        : throw new MeshConfigException($"{field} holds an address of {bytes.Length} bytes; 4 (IPv4) or 16 (IPv6) are expected");

    internal static MeshConfigException Unknown(string field, int value) =>
        new($"{field} holds the unknown value {value}");

    internal static ushort Port(uint value, string field) => value <= ushort.MaxValue
        ? (ushort)value
        : throw new MeshConfigException($"{field} holds {value}, which is no port (0 to 65535)");

    /// <summary>Parts that are equal are the same object, so that traits are compared by reference.</summary>
    private WorkloadTraits Traits(Wds.Workload from) => new()
    {
        Namespace = _pool.Intern(from.Namespace),
        Network = _pool.Intern(from.Network),
        Protocol = from.TunnelProtocol switch
        {
            Wds.TunnelProtocol.None => TunnelProtocol.Tcp,
            Wds.TunnelProtocol.Hbone => TunnelProtocol.Hbone,
            _ => throw new MeshConfigException($"tunnel_protocol {from.TunnelProtocol} is not supported; NONE and HBONE are"),
        },
        TrustDomain = from.TrustDomain.Length == 0 ? SpiffeId.DefaultTrustDomain : _pool.Intern(from.TrustDomain),
        ServiceAccount = from.ServiceAccount.Length == 0 ? "default" : _pool.Intern(from.ServiceAccount),
        Waypoint = Gateway(from.Waypoint, "waypoint"),
        NetworkGateway = Gateway(from.NetworkGateway, "network_gateway"),
        CanonicalName = _pool.Intern(from.CanonicalName),
        CanonicalRevision = _pool.Intern(from.CanonicalRevision),
        Type = from.WorkloadType switch
        {
            Wds.WorkloadType.Deployment => WorkloadType.Deployment,
            Wds.WorkloadType.Cronjob => WorkloadType.Cronjob,
            Wds.WorkloadType.Pod => WorkloadType.Pod,
            Wds.WorkloadType.Job => WorkloadType.Job,
            _ => throw Unknown("workload_type", (int)from.WorkloadType),
        },
        WorkloadName = _pool.Intern(from.WorkloadName),
        NativeTunnel = from.NativeTunnel,
        AuthorizationPolicies = _policies.Intern([.. from.AuthorizationPolicies.Select(_pool.Intern)]),
        ClusterId = from.ClusterId.Length == 0 ? "Kubernetes" : _pool.Intern(from.ClusterId),
        Hostname = from.Hostname,
        Memberships = _memberships.Intern([.. from.Services.Select(Membership)]),
        ApplicationTunnel = ApplicationTunnel(from.ApplicationTunnel),
        Locality = Locality(from.Locality),
        HostNetwork = from.NetworkMode switch
        {
            Wds.NetworkMode.Standard => false,
            Wds.NetworkMode.HostNetwork => true,
            _ => throw Unknown("network_mode", (int)from.NetworkMode),
        },
        Capacity = from.Capacity ?? 1,
    };

    private static bool IsRange(Wds.NetworkAddress address) =>
        address.HasLength && address.Length != (uint)address.Address.Length * 8;

    private ImmutableArray<PortMapping> Ports(IEnumerable<Wds.Port> ports, string field) =>
        _ports.Intern([.. ports.Select(port => new PortMapping(
            Port(port.ServicePort, field), Port(port.TargetPort, field), Protocol(port.AppProtocol)))]);

    private static AppProtocol Protocol(Wds.AppProtocol from) => from <= Wds.AppProtocol.Tls ? (AppProtocol)from : AppProtocol.Unknown;

    private static ApplicationTunnel? ApplicationTunnel(Wds.ApplicationTunnel? from) => from is null
        ? null
        : new ApplicationTunnel(
            from.Protocol switch
            {
                Wds.ApplicationTunnel.Types.Protocol.None => false,
                Wds.ApplicationTunnel.Types.Protocol.Proxy => true,
                _ => throw Unknown("application_tunnel.protocol", (int)from.Protocol),
            },
            Port(from.Port, "application_tunnel.port") is var port and not 0 ? port : null);

    private static LoadBalancing? LoadBalancing(Wds.LoadBalancing? from) => from is null
        ? null
        : new LoadBalancing(
            from.Mode switch
            {
                Wds.LoadBalancing.Types.Mode.UnspecifiedMode => LoadBalancingMode.Standard,
                Wds.LoadBalancing.Types.Mode.Strict => LoadBalancingMode.Strict,
                Wds.LoadBalancing.Types.Mode.Failover => LoadBalancingMode.Failover,
                Wds.LoadBalancing.Types.Mode.Passthrough => LoadBalancingMode.Passthrough,
                _ => throw Unknown("load_balancing.mode", (int)from.Mode),
            },
            [.. from.RoutingPreference.Select(scope => scope switch
            {
                Wds.LoadBalancing.Types.Scope.Region => LoadBalancingScope.Region,
                Wds.LoadBalancing.Types.Scope.Zone => LoadBalancingScope.Zone,
                Wds.LoadBalancing.Types.Scope.Subzone => LoadBalancingScope.Subzone,
                Wds.LoadBalancing.Types.Scope.Node => LoadBalancingScope.Node,
                Wds.LoadBalancing.Types.Scope.Cluster => LoadBalancingScope.Cluster,
                Wds.LoadBalancing.Types.Scope.Network => LoadBalancingScope.Network,
                _ => throw Unknown("load_balancing.routing_preference", (int)scope),
            })],
            from.HealthPolicy switch
            {
                Wds.LoadBalancing.Types.HealthPolicy.OnlyHealthy => false,
                Wds.LoadBalancing.Types.HealthPolicy.AllowAll => true,
                _ => throw Unknown("load_balancing.health_policy", (int)from.HealthPolicy),
            });

    private ServiceMembership Membership(KeyValuePair<string, Wds.PortList> service) =>
        service.Key.IndexOf('/', StringComparison.Ordinal) is > 0 and var slash && slash < service.Key.Length - 1
            ? new ServiceMembership(_pool.Intern(service.Key), Ports(service.Value.Ports, "services"))
            : throw new MeshConfigException($"services holds the key '{service.Key}'; namespace/hostname is expected");

    private NetworkAddress NetworkAddress(Wds.NetworkAddress from) =>
        new(_pool.Intern(from.Network), Address(from.Address, "addresses"));

    private NetworkCidr Range(Wds.NetworkAddress from)
    {
        try
        {
            return new NetworkCidr(_pool.Intern(from.Network), Cidr.Of(Address(from.Address, "addresses"), checked((int)from.Length)));
        }
        catch (Exception e) when (e is FormatException or OverflowException)
        {
            throw new MeshConfigException($"addresses: {e.Message}", e);
        }
    }

    private GatewayAddress? Gateway(Wds.GatewayAddress? from, string field) => from?.DestinationCase switch
    {
        null => null,
        Wds.GatewayAddress.DestinationOneofCase.Hostname => new GatewayAddress
        {
            Hostname = new NamespacedHostname(_pool.Intern(from.Hostname.Namespace), _pool.Intern(from.Hostname.Hostname)),
            Port = Port(from.HboneMtlsPort, $"{field}.hbone_mtls_port"),
        },
        Wds.GatewayAddress.DestinationOneofCase.Address => new GatewayAddress
        {
            Address = NetworkAddress(from.Address),
            Port = Port(from.HboneMtlsPort, $"{field}.hbone_mtls_port"),
        },
        _ => throw new MeshConfigException($"{field} has no destination; a host name or an address is expected"),
    };

    private Locality Locality(Wds.Locality? from)
    {
        if (from is null || from is { Region: "", Zone: "", Subzone: "" })
        {
            return Model.Locality.Unknown;
        }

        return new Locality(_pool.Intern(from.Region), _pool.Intern(from.Zone), _pool.Intern(from.Subzone));
    }
}
