using System.Threading.Channels;
using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Derivation;
using Ambient.ControlPlane.Entries;
using Ambient.ControlPlane.Gateways;
using Ambient.ControlPlane.Policies;
using Ambient.ControlPlane.Routing;
using Ambient.ControlPlane.Waypoints;
using Ambient.Kubernetes;
using Ambient.Xds.Delta;
using Google.Protobuf;
using Microsoft.Extensions.Logging;
using Address = Ambient.Api.Workloads.Address;

namespace Ambient.ControlPlane.Serving;

/// <summary>How changes are gathered before they are derived and pushed.</summary>
internal sealed record FeedOptions
{
    /// <summary>A burst has ended when nothing came for this long. Short: a policy has to be in force well within a second.</summary>
    public TimeSpan Quiet { get; init; } = TimeSpan.FromMilliseconds(30);

    /// <summary>A burst that does not end is pushed after this long.</summary>
    public TimeSpan Longest { get; init; } = TimeSpan.FromMilliseconds(300);
}

/// <summary>
/// From watch events to pushed resources: informers report changed objects, one task gathers a burst of them, derives what
/// they concern, and puts the outcome into the store in one step.
/// </summary>
internal sealed class MeshFeed
{
    private readonly MeshSettings _settings;
    private readonly FeedOptions _options;
    private readonly ResourceStore _store;
    private readonly FeedMetrics _metrics;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly MeshModel _model;
    private readonly List<Task> _synced = [];
    private readonly List<Func<CancellationToken, Task>> _informers = [];
    private readonly Latest<Address> _addresses = new();
    private readonly Lock _gate = new();

    /// <summary>What is still to be taken into the model: the latest state of each object, so no longer than the cluster is large.</summary>
    private Dictionary<(string Kind, string Key), Action<MeshInputs>> _pending = [];

    /// <summary>One permit is enough: it says that something is pending.</summary>
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public MeshFeed(
        KubernetesClient client, MeshSettings settings, FeedOptions options, ResourceStore store, FeedMetrics metrics, ILogger logger, TimeProvider time)
    {
        _metrics = metrics;
        _settings = settings;
        _options = options;
        _store = store;
        _logger = logger;
        _time = time;
        _model = new MeshModel(settings);
        _model.Failed += (key, error) => Log.DerivationFailed(_logger, key, error);
        Report(_model.Inputs.AuthorizationPolicies);
        Report(_model.Inputs.PeerAuthentications);
        Report(_model.Inputs.VirtualServices);
        Report(_model.Inputs.DestinationRules);
        Report(_model.Inputs.ServiceEntries);
        Report(_model.Inputs.WorkloadEntries);
        Pods = Follow(client, ResourceKinds.Pods, (inputs, key, pod) => inputs.Pods.Set(key, pod));
        Namespaces = Follow(client, ResourceKinds.Namespaces, (inputs, key, ns) => inputs.Namespaces.Set(key, ns));
        Services = Follow(client, ResourceKinds.Services, (inputs, key, service) => inputs.Services.Set(key, service));
        Follow(client, ResourceKinds.EndpointSlices, (inputs, key, slice) => inputs.EndpointSlices.Set(key, slice));
        Follow(client, ResourceKinds.Nodes, (inputs, key, node) => inputs.Nodes.Set(key, node));
        Gateways = Follow(client, ResourceKinds.Gateways, (inputs, key, gateway) => inputs.Gateways.Set(key, Ours(gateway)), mayBeMissing: true);
        GatewayClasses = Follow(client, ResourceKinds.GatewayClasses, (inputs, key, kind) => inputs.GatewayClasses.Set(key, kind), mayBeMissing: true);
        Follow(client, ResourceKinds.HttpRoutes, (inputs, key, route) => inputs.HttpRoutes.Set(key, Ours(route)), mayBeMissing: true);
        Follow(client, ResourceKinds.GrpcRoutes, (inputs, key, route) => inputs.GrpcRoutes.Set(key, Ours(route)), mayBeMissing: true);
        Follow(client, ResourceKinds.VirtualServices, (inputs, key, service) => inputs.VirtualServices.Offer(key, Ours(service)), mayBeMissing: true);
        Follow(client, ResourceKinds.DestinationRules, (inputs, key, rule) => inputs.DestinationRules.Offer(key, Ours(rule)), mayBeMissing: true);
        ServiceEntries = Follow(client, ResourceKinds.ServiceEntries, (inputs, key, entry) => inputs.ServiceEntries.Offer(key, Ours(entry)), mayBeMissing: true);
        Follow(client, ResourceKinds.WorkloadEntries, (inputs, key, entry) => inputs.WorkloadEntries.Offer(key, Ours(entry)), mayBeMissing: true);
        Follow(client, ResourceKinds.SecretHeaders, (inputs, key, secret) => inputs.Secrets.Set(key, secret));
        Follow(client, ResourceKinds.AuthorizationPolicies, (inputs, key, policy) => inputs.AuthorizationPolicies.Offer(key, Ours(policy)));
        Follow(client, ResourceKinds.PeerAuthentications, (inputs, key, policy) => inputs.PeerAuthentications.Offer(key, Ours(policy)));
    }

    public Informer<Pod> Pods { get; }

    public Informer<Namespace> Namespaces { get; }

    /// <summary>Services, for those who write their status.</summary>
    public Informer<Service> Services { get; }

    public Informer<Gateway> Gateways { get; }

    public Informer<GatewayClass> GatewayClasses { get; }

    /// <summary>ServiceEntries, for who allocates their addresses.</summary>
    public Informer<ServiceEntry> ServiceEntries { get; }

    /// <summary>Policies, with what is to be said about each.</summary>
    public Latest<ConvertedPolicy> Policies { get; } = new();

    /// <summary>Waypoints, by the keys of their Gateways.</summary>
    public Latest<Waypoint> Waypoints { get; } = new();

    /// <summary>Services, with their waypoints.</summary>
    public Latest<BoundService> Bindings { get; } = new();

    /// <summary>ServiceEntries, with their waypoints.</summary>
    public Latest<BoundEntry> EntryBindings { get; } = new();

    /// <summary>Policies for waypoints, with what is to be said about each.</summary>
    public Latest<PolicyAttachment> Attachments { get; } = new();

    public Latest<GatewayState> GatewayStates { get; } = new();

    public Latest<RouteState> HttpRoutes { get; } = new();

    public Latest<RouteState> GrpcRoutes { get; } = new();

    public Latest<NetworkingState> VirtualServices { get; } = new();

    public Latest<NetworkingState> DestinationRules { get; } = new();

    /// <summary>Workloads and services by resource name, as they were pushed last.</summary>
    public IReadOnlyDictionary<string, Address> Addresses => _addresses.Items;

    /// <summary>Raised once everything that the cluster held at the start is in the store.</summary>
    public event Action? Synced;

    /// <summary>Follows the cluster until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        Task[] tasks = [.. _informers.Select(run => run(cancellation)), PumpAsync(cancellation)];
        await Task.WhenAll(tasks);
    }

    private async Task PumpAsync(CancellationToken cancellation)
    {
        await Task.WhenAll(_synced).WaitAsync(cancellation);
        Take();
        _store.MarkSynced();
        Log.Synced(_logger, Addresses.Count, Policies.Items.Count);
        Synced?.Invoke();
        while (await _wake.Reader.ReadAsync(cancellation))
        {
            var started = _time.GetTimestamp();
            await GatherAsync(started, cancellation);
            Take();
            _metrics.Gathering.Observe(_time.GetElapsedTime(started).TotalSeconds);
        }
    }

    /// <summary>Waits until a burst has ended, but not for ever.</summary>
    private async Task GatherAsync(long started, CancellationToken cancellation)
    {
        do
        {
            await Task.Delay(_options.Quiet, _time, cancellation);
        }
        while (_wake.Reader.TryRead(out _) && _time.GetElapsedTime(started) < _options.Longest);
    }

    /// <summary>Takes what is pending into the model, derives, and publishes.</summary>
    private void Take()
    {
        Dictionary<(string, string), Action<MeshInputs>> pending;
        lock (_gate)
        {
            pending = _pending;
            _pending = [];
        }

        foreach (var apply in pending.Values)
        {
            apply(_model.Inputs);
        }

        Publish(_model.Settle());
    }

    private void Publish(MeshChanges changes)
    {
        _metrics.Derivations.Add(changes.Derivations);
        _addresses.Take(changes.Addresses);
        _metrics.Services.Set(_model.PublishedServices);

        _store.Apply(
            Change(ResourceTypes.Address, changes.Addresses, AliasesOf),
            Change(ResourceTypes.Authorization, changes.Authorizations, _ => []),
            Change(ResourceTypes.WaypointAuthorization, changes.WaypointAuthorizations),
            Change(ResourceTypes.WaypointService, changes.WaypointServices),
            Change(ResourceTypes.Waypoint, changes.WaypointResources));
        if (changes.Addresses.Count + changes.Authorizations.Count > 0)
        {
            Log.Published(_logger, changes.Addresses.Count, changes.Authorizations.Count, changes.Derivations);
        }

        Waypoints.Take(changes.Waypoints);
        Policies.Take(changes.Policies);
        Bindings.Take(changes.Bindings);
        EntryBindings.Take(changes.EntryBindings);
        Attachments.Take(changes.Attachments);
        GatewayStates.Take(changes.Gateways);
        HttpRoutes.Take(changes.HttpRoutes);
        GrpcRoutes.Take(changes.GrpcRoutes);
        VirtualServices.Take(changes.VirtualServices);
        DestinationRules.Take(changes.DestinationRules);
    }

    private static ResourceChange Change<T>(string type, Dictionary<string, T?> changes, Func<T, IReadOnlyList<string>> aliases)
        where T : class, IMessage
    {
        List<DeltaResource> updates = [];
        List<string> removals = [];
        foreach (var (name, message) in changes)
        {
            if (message is null)
            {
                removals.Add(name);
                continue;
            }

            var bytes = message.ToByteString();
            updates.Add(new DeltaResource(name, ContentVersion.Of(bytes.Span), type, bytes, aliases(message)));
        }

        return new ResourceChange(type, updates, removals);
    }

    private static ResourceChange Change<T>(string type, Dictionary<string, Scoped<T>?> changes)
        where T : class, IMessage
    {
        var updates = changes.Values.OfType<Scoped<T>>().Select(scoped =>
        {
            var bytes = scoped.Resource.ToByteString();
            return new DeltaResource(scoped.Name, ContentVersion.Of(bytes.Span), type, bytes, scope: scoped.Scope);
        });
        return new ResourceChange(type, [.. updates], [.. changes.Where(change => change.Value is null).Select(change => change.Key)]);
    }

    /// <summary>The addresses by which a client may ask for a workload or a service: <c>network/address</c>.</summary>
    private static IReadOnlyList<string> AliasesOf(Address address) => address.TypeCase switch
    {
        Address.TypeOneofCase.Workload =>
            [.. address.Workload.Addresses.Select(bytes => $"{address.Workload.Network}/{new System.Net.IPAddress(bytes.Span)}")],
        Address.TypeOneofCase.Service =>
            [.. address.Service.Addresses.Select(vip => $"{vip.Network}/{new System.Net.IPAddress(vip.Address.Span)}")],
        _ => [],
    };

    private Informer<T> Follow<T>(KubernetesClient client, ResourceKind<T> kind, Action<MeshInputs, string, T?> apply, bool mayBeMissing = false)
        where T : class, IResource
    {
        var informer = new Informer<T>(client, kind, new InformerOptions { KindMayBeMissing = mayBeMissing }, _logger);
        informer.Subscribe(change =>
        {
            var key = ResourceKey.Of(change.Object);
            lock (_gate)
            {
                _pending[(kind.Plural, key)] = inputs => apply(inputs, key, change.New);
            }

            _wake.Writer.TryWrite(true);
        });
        _synced.Add(informer.SyncedAsync);
        _informers.Add(informer.RunAsync);
        return informer;
    }

    /// <summary>Tells of policies that cannot be read, once for each version.</summary>
    private void Report<T>(LastGood<T> policies)
        where T : class, IResource => policies.Accepted.Changed += change =>
        {
            if (change.New is { Problems.Count: > 0 } bad && change.Old?.Problems.SequenceEqual(bad.Problems) != true)
            {
                var consequence = bad.IsHeldBack ? "the previous version stays in force" : "it is read as strictly as it can be, or not at all";
                Log.PolicyInvalid(_logger, bad.Latest.Kind ?? typeof(T).Name, change.Key, string.Join("; ", bad.Problems), consequence);
            }
        };

    /// <summary>A policy that another revision of the control plane owns does not exist for us.</summary>
    private T? Ours<T>(T? policy)
        where T : class, IResource =>
        policy?.Metadata.Label(Ambient.Api.Labels.Revision) is { Length: > 0 } revision && revision != _settings.Revision ? null : policy;
}
