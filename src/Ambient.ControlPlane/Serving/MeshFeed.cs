using System.Collections.Concurrent;
using System.Threading.Channels;
using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Derivation;
using Ambient.ControlPlane.Policies;
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
    private readonly ConcurrentDictionary<string, Address> _addresses = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, ConvertedPolicy> _policies = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, BoundService> _bindings = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();

    /// <summary>What is still to be taken into the model: the latest state of each object, so no longer than the cluster is large.</summary>
    private Dictionary<(string Kind, string Key), Action<MeshModel>> _pending = [];

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
        Report(_model.AuthorizationPolicies);
        Report(_model.PeerAuthentications);
        Pods = Follow(client, ResourceKinds.Pods, (model, key, pod) => model.Pods.Set(key, pod));
        Namespaces = Follow(client, ResourceKinds.Namespaces, (model, key, ns) => model.Namespaces.Set(key, ns));
        Services = Follow(client, ResourceKinds.Services, (model, key, service) => model.Services.Set(key, service));
        Follow(client, ResourceKinds.EndpointSlices, (model, key, slice) => model.EndpointSlices.Set(key, slice));
        Follow(client, ResourceKinds.Nodes, (model, key, node) => model.Nodes.Set(key, node));
        Gateways = Follow(client, ResourceKinds.Gateways, (model, key, gateway) => model.Gateways.Set(key, Ours(gateway)), mayBeMissing: true);
        GatewayClasses = Follow(client, ResourceKinds.GatewayClasses, (model, key, kind) => model.GatewayClasses.Set(key, kind), mayBeMissing: true);
        Follow(client, ResourceKinds.AuthorizationPolicies, (model, key, policy) => model.AuthorizationPolicies.Offer(key, Ours(policy)));
        Follow(client, ResourceKinds.PeerAuthentications, (model, key, policy) => model.PeerAuthentications.Offer(key, Ours(policy)));
    }

    public Informer<Pod> Pods { get; }

    public Informer<Namespace> Namespaces { get; }

    /// <summary>Services, for those who write their status.</summary>
    public Informer<Service> Services { get; }

    public Informer<Gateway> Gateways { get; }

    public Informer<GatewayClass> GatewayClasses { get; }

    /// <summary>Policies by key, with what is to be said about each.</summary>
    public IReadOnlyDictionary<string, ConvertedPolicy> Policies => _policies;

    /// <summary>Workloads and services by resource name, as they were pushed last.</summary>
    public IReadOnlyDictionary<string, Address> Addresses => _addresses;

    /// <summary>Services by key, with their waypoints.</summary>
    public IReadOnlyDictionary<string, BoundService> Bindings => _bindings;

    /// <summary>Raised with the key of each service whose condition may have changed.</summary>
    public event Action<string>? BindingChanged;

    /// <summary>Raised with the key of each policy whose condition may have changed.</summary>
    public event Action<string>? PolicyChanged;

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
        Log.Synced(_logger, _addresses.Count, _policies.Count);
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
        Dictionary<(string, string), Action<MeshModel>> pending;
        lock (_gate)
        {
            pending = _pending;
            _pending = [];
        }

        foreach (var apply in pending.Values)
        {
            apply(_model);
        }

        Publish(_model.Settle());
    }

    private void Publish(MeshChanges changes)
    {
        _metrics.Derivations.Add(changes.Derivations);
        foreach (var (name, address) in changes.Addresses)
        {
            Remember(_addresses, name, address);
        }

        _metrics.Services.Set(_model.PublishedServices);

        _store.Apply(
            Change(ResourceTypes.Address, changes.Addresses, AliasesOf),
            Change(ResourceTypes.Authorization, changes.Authorizations, _ => []));
        if (changes.Addresses.Count + changes.Authorizations.Count > 0)
        {
            Log.Published(_logger, changes.Addresses.Count, changes.Authorizations.Count, changes.Derivations);
        }

        foreach (var (key, binding) in changes.Bindings)
        {
            Remember(_bindings, key, binding);
            BindingChanged?.Invoke(key);
        }

        foreach (var (key, policy) in changes.Policies)
        {
            Remember(_policies, key, policy);
            PolicyChanged?.Invoke(key);
        }
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

    /// <summary>The addresses by which a client may ask for a workload or a service: <c>network/address</c>.</summary>
    private static IReadOnlyList<string> AliasesOf(Address address) => address.TypeCase switch
    {
        Address.TypeOneofCase.Workload =>
            [.. address.Workload.Addresses.Select(bytes => $"{address.Workload.Network}/{new System.Net.IPAddress(bytes.Span)}")],
        Address.TypeOneofCase.Service =>
            [.. address.Service.Addresses.Select(vip => $"{vip.Network}/{new System.Net.IPAddress(vip.Address.Span)}")],
        _ => [],
    };

    private Informer<T> Follow<T>(KubernetesClient client, ResourceKind<T> kind, Action<MeshModel, string, T?> apply, bool mayBeMissing = false)
        where T : class, IResource
    {
        var informer = new Informer<T>(client, kind, new InformerOptions { KindMayBeMissing = mayBeMissing }, _logger);
        informer.Subscribe(change =>
        {
            var key = ResourceKey.Of(change.Object);
            lock (_gate)
            {
                _pending[(kind.Plural, key)] = model => apply(model, key, change.New);
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
                var consequence = bad.IsHeldBack ? "the previous version stays in force" : "it is read as strictly as it can be";
                Log.PolicyInvalid(_logger, bad.Latest.Kind ?? typeof(T).Name, change.Key, string.Join("; ", bad.Problems), consequence);
            }
        };

    /// <summary>A policy that another revision of the control plane owns does not exist for us.</summary>
    private T? Ours<T>(T? policy)
        where T : class, IResource =>
        policy?.Metadata.Label(Ambient.Api.Labels.Revision) is { Length: > 0 } revision && revision != _settings.Revision ? null : policy;

    private static void Remember<T>(ConcurrentDictionary<string, T> into, string key, T? value)
        where T : class
    {
        if (value is null)
        {
            into.TryRemove(key, out _);
        }
        else
        {
            into[key] = value;
        }
    }
}
