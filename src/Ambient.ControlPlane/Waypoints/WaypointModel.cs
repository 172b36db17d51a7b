using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Collections;
using Ambient.ControlPlane.Derivation;
using Ambient.ControlPlane.Policies;
using Ambient.ControlPlane.Routing;
using Proto = Ambient.Api.Waypoints;

namespace Ambient.ControlPlane.Waypoints;

/// <summary>
/// What each waypoint gets: itself, the services that it serves or sends to, and the policies that are attached to them. Another
/// waypoint's is not among it.
/// </summary>
internal sealed class WaypointModel
{
    private readonly MeshSettings _settings;
    private readonly Collection<Waypoint> _waypoints;
    private readonly Index<Waypoint> _byClass;
    private readonly Collection<HostBinding> _bindings;
    private readonly RouteModel _routes;
    private readonly TrafficModel _traffic;
    private readonly HostLookup _lookup;
    private readonly Index<TargetedPolicy> _policiesByTarget;

    public WaypointModel(
        Graph graph,
        MeshInputs inputs,
        Collection<Waypoint> waypoints,
        Collection<MeshHost> hosts,
        Collection<HostBinding> bindings,
        HostEndpoints endpoints,
        MeshSettings settings)
    {
        _settings = settings;
        _waypoints = waypoints;
        _bindings = bindings;
        _byClass = waypoints.IndexBy(waypoint => waypoint.ClassName);
        _lookup = new HostLookup(hosts, settings);
        _routes = new RouteModel(graph, inputs, _lookup);
        _traffic = new TrafficModel(graph, inputs, _lookup, endpoints, settings);
        Policies = new Derived<Accepted<AuthorizationPolicy>, TargetedPolicy>(graph, inputs.AuthorizationPolicies.Accepted, PolicyOf);
        _policiesByTarget = Policies.IndexBy(policy => policy.Targets.Select(target => TargetOf(target, policy.Authorization.Namespace)).OfType<string>().Distinct());
        Waypoints = new Derived<Waypoint, Scoped<Proto.Waypoint>>(graph, waypoints, ResourceOf);
        Services = new Derived<MeshHost, Scoped<Proto.Service>>(graph, hosts, ResourcesOf);
        Authorizations = new Derived<TargetedPolicy, Scoped<Proto.Authorization>>(graph, Policies, ResourcesOf);
    }

    public Collection<TargetedPolicy> Policies { get; }

    public Collection<Scoped<Proto.Waypoint>> Waypoints { get; }

    public Collection<Scoped<Proto.Service>> Services { get; }

    public Collection<Scoped<Proto.Authorization>> Authorizations { get; }

    /// <summary>What routes have become.</summary>
    public RouteModel Routes => _routes;

    /// <summary>What DestinationRules have become.</summary>
    public TrafficModel Traffic => _traffic;

    /// <summary>Which waypoint serves which host.</summary>
    public Collection<HostBinding> Bindings => _bindings;

    /// <summary>Finds hosts.</summary>
    public HostLookup Hosts => _lookup;

    private static IEnumerable<(string, TargetedPolicy)> PolicyOf(Accepted<AuthorizationPolicy> policy, Reads reads)
    {
        if (WaypointConversion.Convert(policy.InForce) is { } converted)
        {
            yield return (converted.Key, converted);
        }
    }

    /// <summary>What a policy is found by: the host, ServiceEntry, Gateway or class that it is attached to; null where that cannot be.</summary>
    private string? TargetOf(PolicyTargetReference target, string ns) => (target.Group ?? "", target.Kind) switch
    {
        ("" or "core", "Service") => "host " + _lookup.ServiceKey(ns, target.Name ?? ""),
        ("networking.istio.io", "ServiceEntry") => "entry " + ResourceKey.Of(ns, target.Name ?? ""),
        ("gateway.networking.k8s.io", "Gateway") => "gateway " + ResourceKey.Of(ns, target.Name ?? ""),
        ("gateway.networking.k8s.io", "GatewayClass") when ns == _settings.RootNamespace => "class " + target.Name,
        _ => null,
    };

    private IEnumerable<(string, Scoped<Proto.Waypoint>)> ResourceOf(Waypoint waypoint, Reads reads)
    {
        if (!waypoint.IsMesh)
        {
            yield break;
        }

        var resource = new Proto.Waypoint { Name = waypoint.Name, Namespace = waypoint.Namespace };
        resource.Policies.Add(PoliciesOf("gateway " + waypoint.Key, reads).Concat(PoliciesOf("class " + waypoint.ClassName, reads)).Distinct());
        var scoped = new Scoped<Proto.Waypoint>(waypoint.Key, waypoint.Key, resource);
        yield return (scoped.Key, scoped);
    }

    private IEnumerable<(string, Scoped<Proto.Service>)> ResourcesOf(MeshHost host, Reads reads)
    {
        var serving = reads.Get(_bindings, host.Key)?.Waypoint;
        var users = _routes.To(host, reads).SelectMany(route => Users(route, reads));
        foreach (var key in users.Prepend(serving).OfType<string>().Distinct().Order(StringComparer.Ordinal))
        {
            if (reads.Get(_waypoints, key) is { IsMesh: true } waypoint)
            {
                var scoped = new Scoped<Proto.Service>(key, host.Key, ServiceOf(host, waypoint, key == serving, reads));
                yield return (scoped.Key, scoped);
            }
        }
    }

    /// <summary>The waypoints that carry out a resource's routes.</summary>
    private IEnumerable<string> Users(HostRoutes route, Reads reads) => _lookup.Matching(route.Selector, reads)
        .Select(host => reads.Get(_bindings, host.Key)?.Waypoint is { } waypoint && route.Concerns(host, NamespaceOf(waypoint)) ? waypoint : null)
        .OfType<string>();

    private Proto.Service ServiceOf(MeshHost host, Waypoint waypoint, bool bound, Reads reads)
    {
        var service = new Proto.Service { Namespace = host.Namespace, Hostname = host.Hostname, Bound = bound };
        var rules = _traffic.Of(host, waypoint.Namespace, reads);
        _traffic.Fill(service, host, rules, reads);
        if (bound)
        {
            service.Policies.Add(PoliciesOf(host.Kind == HostKind.Service ? $"host {host.Key}" : $"entry {host.Resource}", reads));
            service.Routes.Add(RoutePrecedence
                .InOrder(_routes.Of(host, reads).Where(route => route.Concerns(host, waypoint.Namespace)))
                .Select(route => Reachable(route, waypoint, reads)));
            if (rules.FirstOrDefault(rule => rule.NeedsTls) is { } unreachable)
            {
                service.Routes.Add(new Proto.Route { Source = $"DestinationRule {unreachable.Key}", Rule = "tls", Response = new Proto.DirectResponse { Status = 503 } });
            }
        }

        return service;
    }

    /// <summary>Takes out the backends that are to be reached over a TLS which a waypoint does not make: their share fails instead of going unencrypted.</summary>
    private Proto.Route Reachable(Proto.Route route, Waypoint waypoint, Reads reads)
    {
        bool NeedsTls(string key) => _lookup.Get(key, reads) is { } host && _traffic.Of(host, waypoint.Namespace, reads).Any(rule => rule.NeedsTls);
        var refused = (route.Forward?.Backends.Select(backend => backend.Service) ?? []).Concat(route.Mirrors.Select(mirror => mirror.Service))
            .Where(key => key.Length > 0).Distinct().Where(NeedsTls).ToList();
        if (refused.Count == 0)
        {
            return route;
        }

        var changed = new Proto.Route(route);
        foreach (var backend in changed.Forward?.Backends.Where(backend => refused.Contains(backend.Service)) ?? [])
        {
            backend.Service = "";
        }

        foreach (var mirror in changed.Mirrors.Where(mirror => refused.Contains(mirror.Service)).ToList())
        {
            changed.Mirrors.Remove(mirror);
        }

        return changed;
    }

    private static string NamespaceOf(string key) => key[..Math.Max(key.IndexOf('/', StringComparison.Ordinal), 0)];

    private IEnumerable<string> PoliciesOf(string target, Reads reads) => reads.Find(_policiesByTarget, target).Select(policy => policy.Key).ToList();

    private IEnumerable<(string, Scoped<Proto.Authorization>)> ResourcesOf(TargetedPolicy policy, Reads reads)
    {
        foreach (var waypoint in policy.Targets.SelectMany(target => WaypointsOf(target, policy.Authorization.Namespace, reads)).Distinct())
        {
            var scoped = new Scoped<Proto.Authorization>(waypoint, policy.Key, policy.Authorization);
            yield return (scoped.Key, scoped);
        }
    }

    /// <summary>The waypoints that enforce what is attached to a target.</summary>
    private IEnumerable<string> WaypointsOf(PolicyTargetReference target, string ns, Reads reads)
    {
        var found = TargetOf(target, ns)?.Split(' ', 2) switch
        {
            ["host", var host] => [reads.Get(_bindings, host)?.Waypoint],
            ["entry", var entry] => _lookup.OfEntry(entry, reads).Select(host => reads.Get(_bindings, host)?.Waypoint).ToArray(),
            ["gateway", var gateway] => [gateway],
            ["class", var name] => reads.Find(_byClass, name).Select(waypoint => (string?)waypoint.Key).ToArray(),
            _ => [],
        };
        return found.Where(key => key is not null && reads.Get(_waypoints, key) is { IsMesh: true }).OfType<string>();
    }
}
