using System.Text.Json.Nodes;
using Ambient.Api;
using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Derivation;
using Ambient.Kubernetes;
using Microsoft.Extensions.Logging;

namespace Ambient.ControlPlane.Waypoints;

/// <summary>
/// Keeps what waypoints' Gateways stand for as it is meant to be, by server-side apply: made when a Gateway comes, put right when
/// somebody changes it, and gone with its Gateway, which owns it. An object of that name that somebody else made is left alone.
/// </summary>
internal sealed class WaypointDeployer
{
    /// <summary>Gateways at a time: each is four requests.</summary>
    private const int Workers = 2;

    private readonly KubernetesClient _client;
    private readonly MeshSettings _settings;
    private readonly Informer<Namespace> _namespaces;
    private readonly Informer<Gateway> _gateways;
    private readonly Informer<GatewayClass> _classes;
    private readonly Informer<Deployment> _deployments;
    private readonly Informer<ServiceAccount> _accounts;
    private readonly ILogger _logger;
    private readonly WorkQueue<string> _queue;

    public WaypointDeployer(
        KubernetesClient client,
        MeshSettings settings,
        Informer<Namespace> namespaces,
        Informer<Gateway> gateways,
        Informer<GatewayClass> classes,
        Informer<Service> services,
        ILogger logger)
    {
        _client = client;
        _settings = settings;
        _namespaces = namespaces;
        _gateways = gateways;
        _classes = classes;
        _logger = logger;
        _queue = new WorkQueue<string>("waypoints", logger: logger);
        var ours = new InformerOptions { LabelSelector = $"{Labels.GatewayManaged}={WaypointObjects.Managed}" };
        _deployments = new Informer<Deployment>(client, ResourceKinds.Deployments, ours, logger);
        _accounts = new Informer<ServiceAccount>(client, ResourceKinds.ServiceAccounts, ours, logger);
        gateways.Subscribe(change =>
        {
            _queue.Add(WaypointObjects.ClassName);
            _queue.Add(ResourceKey.Of(change.Object));
        });
        classes.Subscribe(change => _queue.Add(change.Object.Metadata.Name));
        _deployments.Subscribe(change => Look(change.Object));
        _accounts.Subscribe(change => Look(change.Object));
        services.Subscribe(change => Look(change.Object));
    }

    /// <summary>Follows what was deployed; every replica does, so that whoever comes to lead knows it.</summary>
    public Task WatchAsync(CancellationToken cancellation) =>
        Task.WhenAll(_deployments.RunAsync(cancellation), _accounts.RunAsync(cancellation));

    /// <summary>Deploys until cancelled; only the leader does.</summary>
    public async Task DeployAsync(CancellationToken cancellation)
    {
        await Task.WhenAll(_gateways.SyncedAsync, _classes.SyncedAsync, _deployments.SyncedAsync, _accounts.SyncedAsync).WaitAsync(cancellation);
        _queue.Add(WaypointObjects.ClassName);
        foreach (var gateway in _gateways.List())
        {
            _queue.Add(ResourceKey.Of(gateway));
        }

        await _queue.RunAsync(DeployAsync, Workers, cancellation);
    }

    /// <summary>An object that we made has changed: its Gateway says how it is meant to be.</summary>
    private void Look(IResource made)
    {
        if (made.Metadata.Label(Labels.GatewayManaged) == WaypointObjects.Managed && made.Metadata.Label(Labels.GatewayName) is { } gateway)
        {
            _queue.Add(ResourceKey.Of(made.Metadata.Namespace, gateway));
        }
    }

    private async Task DeployAsync(string key, CancellationToken cancellation)
    {
        if (key == WaypointObjects.ClassName)
        {
            await EnsureClassAsync(cancellation);
            return;
        }

        var slash = key.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0
            || _gateways.Get(key[..slash], key[(slash + 1)..]) is not { Metadata.DeletionTimestamp: null } gateway
            || !WaypointObjects.IsDeployed(gateway)
            || !IsOurs(gateway))
        {
            return;
        }

        var network = _namespaces.Get(null, _settings.RootNamespace)?.Metadata.Label(Labels.Network) ?? "";
        foreach (var wanted in WaypointObjects.Of(gateway, network, _settings))
        {
            await ApplyAsync(key, wanted, cancellation);
        }
    }

    private bool IsOurs(Gateway gateway) =>
        gateway.Metadata.Label(Labels.Revision) is not { Length: > 0 } revision || revision == _settings.Revision;

    private Task ApplyAsync(string gateway, JsonObject wanted, CancellationToken cancellation) => (string?)wanted["kind"] switch
    {
        "ServiceAccount" => ApplyAsync(ResourceKinds.ServiceAccounts, gateway, wanted, cancellation),
        "Deployment" => ApplyAsync(ResourceKinds.Deployments, gateway, wanted, cancellation),
        _ => ApplyAsync(ResourceKinds.Services, gateway, wanted, cancellation),
    };

    private async Task ApplyAsync<T>(ResourceKind<T> kind, string gateway, JsonObject wanted, CancellationToken cancellation)
        where T : class, IResource
    {
        var (ns, name) = ((string?)wanted["metadata"]!["namespace"], (string)wanted["metadata"]!["name"]!);
        if (await _client.FindAsync(kind, ns, name, cancellation) is { } there && there.Metadata.Label(Labels.GatewayManaged) != WaypointObjects.Managed)
        {
            Log.NotOurs(_logger, (string?)wanted["kind"], $"{ns}/{name}", gateway);
            return;
        }

        try
        {
            await _client.PatchAsync(kind, ns, name, wanted, PatchType.Apply, new PatchOptions(FieldManager: WaypointObjects.Controller, Force: true), cancellation);
        }
        catch (KubernetesException error) when (error.IsNotFound)
        {
            // The namespace went away meanwhile.
        }
    }

    /// <summary>The class comes with the control plane; one that is there is the cluster's own and stays as it is.</summary>
    private async Task EnsureClassAsync(CancellationToken cancellation)
    {
        if (_classes.Get(null, WaypointObjects.ClassName) is not null)
        {
            return;
        }

        var made = new GatewayClass
        {
            Metadata = new ObjectMeta { Name = WaypointObjects.ClassName },
            Spec = new GatewayClassSpec { ControllerName = WaypointObjects.Controller, Description = "Layer 7 for a namespace, a service or a service account." },
        };
        try
        {
            await _client.CreateAsync(ResourceKinds.GatewayClasses, made, cancellation);
        }
        catch (KubernetesException error) when (error.IsNotFound || error.IsAlreadyExists)
        {
            // Nobody has defined the kind yet, or another replica was faster.
        }
    }
}
