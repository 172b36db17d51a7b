using Ambient.Api;
using Ambient.Api.Kubernetes;
using Ambient.Api.Workloads;
using Ambient.ControlPlane.Collections;
using Ambient.ControlPlane.Derivation;
using GatewayAddress = Ambient.Api.Workloads.GatewayAddress;
using Namespace = Ambient.Api.Kubernetes.Namespace;

namespace Ambient.ControlPlane.Waypoints;

/// <summary>
/// Finds the waypoint of a service or workload: the one that its own label names; else the one for its service account; else the
/// one that its namespace's label names. A waypoint that is named and not there is a binding too, to where it would be, so that
/// proxies refuse rather than go around it.
/// </summary>
internal sealed class WaypointResolver(Collection<Waypoint> waypoints, MeshSettings settings)
{
    private readonly Index<Waypoint> _byAccountNamespace = waypoints.IndexBy(
        waypoint => waypoint.ServiceAccount is null ? [] : [waypoint.Namespace]);

    private enum Traffic
    {
        Service,
        Workload,
    }

    /// <summary>A pod's waypoint, for traffic to its address.</summary>
    public Binding Of(Pod pod, Namespace? ns, Reads reads) => OfWorkload(pod.Metadata, pod.Spec?.ServiceAccountName ?? "", ns, reads);

    /// <summary>The same for any workload.</summary>
    public Binding OfWorkload(ObjectMeta workload, string account, Namespace? ns, Reads reads)
    {
        if (IsWaypointItself(workload))
        {
            return Binding.None;
        }

        return Named(workload, workload.Namespace ?? "", ns, Traffic.Workload, direct: true, reads)
            ?? ForAccount(workload.Namespace ?? "", account, Traffic.Workload, reads)
            ?? FromNamespace(workload, ns, Traffic.Workload, reads);
    }

    /// <summary>The waypoint of a service or ServiceEntry, for traffic to its addresses.</summary>
    /// <param name="service">The service.</param>
    /// <param name="ns">Its namespace.</param>
    /// <param name="accounts">The service accounts that its endpoints run as; null for an endpoint that is no pod. Asked for only if a waypoint is for an account.</param>
    /// <param name="reads">What it reads is recorded there.</param>
    public Binding OfService(ObjectMeta service, Namespace? ns, Func<IEnumerable<string?>> accounts, Reads reads)
    {
        if (IsWaypointItself(service))
        {
            return Binding.None;
        }

        var own = service.Namespace ?? "";
        if (Named(service, own, ns, Traffic.Service, direct: true, reads) is { } named)
        {
            return named;
        }

        if (!reads.Find(_byAccountNamespace, own).Any())
        {
            return FromNamespace(service, ns, Traffic.Service, reads);
        }

        string?[] runAs = [.. accounts().Distinct()];
        if (runAs is [{ } only])
        {
            return ForAccount(own, only, Traffic.Service, reads) ?? FromNamespace(service, ns, Traffic.Service, reads);
        }

        var inherited = FromNamespace(service, ns, Traffic.Service, reads);
        var some = runAs.OfType<string>().Select(account => AccountWaypoint(own, account, Traffic.Service, reads)).OfType<Waypoint>().FirstOrDefault();
        return some is null || inherited.Condition is not null
            ? inherited
            : new Binding(null, new BindingCondition(
                false,
                BindingCondition.MixedAccounts,
                $"Waypoint {some.Key} is for service account {some.ServiceAccount}, but endpoints of this service run as others too "
                + $"({string.Join(", ", runAs.Select(account => account ?? "no pod").Where(account => account != some.ServiceAccount))}). "
                + $"Give the service endpoints of one account, or label it {Labels.UseWaypoint}."));
    }

    /// <summary>Whether ingress gateways go through the waypoint too; a value that is no truth value counts as no.</summary>
    public static bool IngressToo(ObjectMeta service, Namespace? ns) =>
        (service.Label(Labels.IngressUseWaypoint) ?? ns?.Metadata.Label(Labels.IngressUseWaypoint))
            is "1" or "t" or "T" or "TRUE" or "true" or "True";

    private static bool IsWaypointItself(ObjectMeta metadata) =>
        metadata.Label(Labels.GatewayManaged) is "istio.io-mesh-controller" or "istio.io-eastwest-controller";

    private Binding FromNamespace(ObjectMeta metadata, Namespace? ns, Traffic traffic, Reads reads) =>
        ns is null ? Binding.None : Named(ns.Metadata, metadata.Namespace ?? "", ns, traffic, direct: false, reads) ?? Binding.None;

    /// <summary>What the label of an object, or of its namespace, says; null if there is none.</summary>
    private Binding? Named(ObjectMeta labelled, string own, Namespace? ns, Traffic traffic, bool direct, Reads reads)
    {
        if (labelled.Label(Labels.UseWaypoint) is not { Length: > 0 } name)
        {
            return null;
        }

        if (name == Labels.None)
        {
            return Binding.None;
        }

        var home = labelled.Label(Labels.UseWaypointNamespace) is { Length: > 0 } other ? other : own;
        if (reads.Get(waypoints, ResourceKey.Of(home, name)) is not { } waypoint)
        {
            var passes = settings.WaypointsFailOpen;
            return new Binding(passes ? null : Expected(home, name), Missing($"{home}/{name}", passes), $"{home}/{name}");
        }

        if (!Takes(waypoint, traffic))
        {
            return direct
                ? Unbound(BindingCondition.UnsupportedTraffic, $"Waypoint {waypoint.Key} takes no traffic of a {Name(traffic)}: its label {Labels.WaypointFor} says so.")
                : Binding.None;
        }

        return waypoint.Admits(own, ns)
            ? To(waypoint)
            : Unbound(BindingCondition.Denied, $"Waypoint {waypoint.Key} admits nobody from namespace {own}: see allowedRoutes of its listener for HBONE.");
    }

    private Binding? ForAccount(string ns, string account, Traffic traffic, Reads reads) =>
        AccountWaypoint(ns, account, traffic, reads) is { } waypoint ? To(waypoint) : null;

    private Waypoint? AccountWaypoint(string ns, string account, Traffic traffic, Reads reads) => reads
        .Find(_byAccountNamespace, ns, waypoint => waypoint.ServiceAccount == account && Takes(waypoint, traffic))
        .OrderBy(waypoint => waypoint.Created).ThenBy(waypoint => waypoint.Name, StringComparer.Ordinal)
        .FirstOrDefault();

    private Binding To(Waypoint waypoint)
    {
        if (waypoint.Address is { } address)
        {
            return new Binding(address, new BindingCondition(true, BindingCondition.Accepted, $"Successfully attached to waypoint {waypoint.Key}"), waypoint.Key);
        }

        var passes = waypoint.FailsOpen || settings.WaypointsFailOpen;
        return new Binding(passes ? null : waypoint.Expected, new BindingCondition(
            false, BindingCondition.NotReady, $"Waypoint {waypoint.Key} is not ready; until it is, {Consequence(passes)}."), waypoint.Key);
    }

    private static Binding Unbound(string reason, string message) => new(null, new BindingCondition(false, reason, message));

    private static BindingCondition Missing(string key, bool passes) =>
        new(false, BindingCondition.NotReady, $"There is no Gateway {key}; until there is, {Consequence(passes)}.");

    private static string Consequence(bool passes) => passes ? "traffic passes it by" : "traffic is refused";

    private static bool Takes(Waypoint waypoint, Traffic traffic) =>
        traffic == Traffic.Service ? waypoint.TakesServices : waypoint.TakesWorkloads;

    private static string Name(Traffic traffic) => traffic == Traffic.Service ? "service" : "workload";

    private GatewayAddress Expected(string ns, string name) => new()
    {
        Hostname = new NamespacedHostname { Namespace = ns, Hostname = $"{name}.{ns}.svc.{settings.DomainSuffix}" },
        HboneMtlsPort = Ports.Hbone,
    };
}
