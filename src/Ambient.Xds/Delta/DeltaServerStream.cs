using System.Collections.Immutable;
using System.Globalization;
using Ambient.Api.Discovery;
using Ambient.Xds.Grpc;
using Microsoft.Extensions.Logging;

namespace Ambient.Xds.Delta;

/// <summary>One client of a <see cref="DeltaServer"/>: one task that takes turns between requests and changes of the store.</summary>
internal sealed class DeltaServerStream(
    ResourceStore store,
    DeltaServerOptions options,
    DeltaServerMetrics metrics,
    ILogger logger,
    TimeProvider time,
    MessageWriter<DeltaDiscoveryResponse> responses,
    string peer,
    Func<Node, ResourceScope>? admit)
{
    private readonly Dictionary<string, Subscription> _subscriptions = new(StringComparer.Ordinal);
    private readonly Guid _id = Guid.NewGuid();
    private Node? _node;
    private ResourceScope _scope = ResourceScope.Shared;
    private long _sent;
    private ImmutableList<DeltaStreamStatus> _status = [];

    public string Peer { get; } = peer;

    public string NodeId => _node?.Id ?? "(unknown)";

    public IReadOnlyList<DeltaStreamStatus> Status => Volatile.Read(ref _status);

    public async Task RunAsync(MessageReader<DeltaDiscoveryRequest> requests, CancellationToken cancellation)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var seen = store.Current.Generation;
        var request = requests.ReadAsync(ending.Token).AsTask();
        try
        {
            while (true)
            {
                await Task.WhenAny(request, store.ChangedAsync(seen)).WaitAsync(cancellation);
                if (request.IsCompleted)
                {
                    if (await request is not { } message)
                    {
                        return;
                    }

                    await HandleAsync(message, cancellation);
                    request = requests.ReadAsync(ending.Token).AsTask();
                }

                var now = store.Current;
                seen = now.Generation;
                await PushAsync(now, cancellation);
                Volatile.Write(ref _status, [.. _subscriptions.Values.Select(StatusOf)]);
            }
        }
        finally
        {
            await ending.CancelAsync();
            await ((Task)request).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task HandleAsync(DeltaDiscoveryRequest request, CancellationToken cancellation)
    {
        Identify(request);
        if (!store.Current.Has(request.TypeUrl))
        {
            Log.UnknownType(logger, NodeId, request.TypeUrl);
            return;
        }

        if (!_subscriptions.TryGetValue(request.TypeUrl, out var subscription))
        {
            // A nonce here is from a stream that is no more.
            await SubscribeFirstAsync(request, cancellation);
            return;
        }

        TakeAnswer(request, subscription);
        if (request.ResourceNamesSubscribe.Count + request.ResourceNamesUnsubscribe.Count > 0)
        {
            await ChangeNamesAsync(request, subscription, cancellation);
        }
    }

    private void Identify(DeltaDiscoveryRequest request)
    {
        if (_node is not null)
        {
            return;
        }

        if (string.IsNullOrEmpty(request.Node?.Id))
        {
            throw new GrpcException(GrpcStatus.InvalidArgument, "the first request of a stream must have a node with an id");
        }

        _scope = admit?.Invoke(request.Node) ?? ResourceScope.Shared;
        _node = request.Node;
        Log.StreamOpened(logger, NodeId, Peer);
    }

    /// <summary>Answered even if there is nothing to say: the client waits for the first response of each type.</summary>
    private async Task SubscribeFirstAsync(DeltaDiscoveryRequest request, CancellationToken cancellation)
    {
        var subscribed = request.ResourceNamesSubscribe;
        var subscription = new Subscription(request.TypeUrl)
        {
            Wildcard = (subscribed.Count == 0 || subscribed.Contains("*")) && !request.ResourceNamesUnsubscribe.Contains("*"),
        };
        _subscriptions.Add(request.TypeUrl, subscription);
        var held = request.InitialResourceVersions;
        var named = subscribed.Where(name => name != "*").Concat(held.Keys).ToHashSet(StringComparer.Ordinal);
        var now = store.Current;
        var resources = now[request.TypeUrl];
        if (!subscription.Wildcard)
        {
            Add(subscription, named);
        }

        var wanted = subscription.Wildcard ? Visible(resources) : Select(subscription, resources, named);
        var updates = wanted.Where(resource =>
            resource.Version.Length == 0 || !held.TryGetValue(resource.Name, out var version) || version != resource.Version);
        await RespondAsync(subscription, now, [.. updates], Missing(named, resources), cancellation);
    }

    private void TakeAnswer(DeltaDiscoveryRequest request, Subscription subscription)
    {
        if (request.ResponseNonce.Length == 0)
        {
            return;
        }

        if (request.ResponseNonce != subscription.Nonce)
        {
            metrics.ExpiredNonces.With(ShortName(request.TypeUrl)).Add();
            return;
        }

        subscription.Awaiting = false;
        subscription.Rejection = request.ErrorDetail?.Message;
        if (request.ErrorDetail is not null)
        {
            metrics.Rejects.With(ShortName(request.TypeUrl)).Add();
            Log.Rejected(logger, NodeId, ShortName(request.TypeUrl), request.ErrorDetail.Message);
        }
    }

    private async Task ChangeNamesAsync(DeltaDiscoveryRequest request, Subscription subscription, CancellationToken cancellation)
    {
        var removed = request.ResourceNamesUnsubscribe;
        var added = request.ResourceNamesSubscribe.Where(name => name != "*").ToHashSet(StringComparer.Ordinal);
        subscription.Names.ExceptWith(removed);
        var becomesWildcard = request.ResourceNamesSubscribe.Contains("*") && !removed.Contains("*") && !subscription.Wildcard;
        if (becomesWildcard)
        {
            subscription.Wildcard = true;
            subscription.Names.Clear();
        }
        else if (removed.Contains("*"))
        {
            subscription.Wildcard = false;
        }

        if (!subscription.Wildcard)
        {
            Add(subscription, added);
        }

        if (!becomesWildcard && added.Count == 0)
        {
            return;
        }

        var now = store.Current;
        var resources = now[request.TypeUrl];
        var updates = becomesWildcard ? Visible(resources) : Select(subscription, resources, added);

        // This answers names; what changed meanwhile in others is still to be pushed.
        await RespondAsync(subscription, null, [.. updates], Missing(added, resources), cancellation);
    }

    private async Task PushAsync(ResourceSnapshot now, CancellationToken cancellation)
    {
        foreach (var typeUrl in store.TypeUrls)
        {
            if (!_subscriptions.TryGetValue(typeUrl, out var subscription)
                || subscription.Awaiting
                || subscription.Generation == now.Generation)
            {
                continue;
            }

            var keys = store.ChangedNames(typeUrl, subscription.Generation, now.Generation) ?? throw new GrpcException(
                GrpcStatus.Unavailable, "transport is closing: the client fell behind; it gets what it missed when it connects again");
            var resources = now[typeUrl];
            var updates = new List<DeltaResource>();
            var removals = new List<string>();
            foreach (var key in keys)
            {
                if (_scope.NameOf(key) is not { } name)
                {
                    continue;
                }

                if (!resources.TryGetValue(key, out var resource))
                {
                    if (subscription.Wildcard || subscription.Names.Contains(name))
                    {
                        removals.Add(name);
                    }
                }
                else if (subscription.Wants(resource) || IsRelated(subscription, resource))
                {
                    updates.Add(resource);
                }
            }

            if (updates.Count + removals.Count == 0)
            {
                subscription.Generation = now.Generation;
                continue;
            }

            await RespondAsync(subscription, now, updates, removals, cancellation);
        }
    }

    private async Task RespondAsync(
        Subscription subscription, ResourceSnapshot? upTo, List<DeltaResource> updates, List<string> removals, CancellationToken cancellation)
    {
        if (!subscription.Wildcard)
        {
            // What a client was given under another name than it asked for, it wants to hear of under that name.
            Add(subscription, updates.Select(update => update.Name));
        }

        subscription.Generation = upTo?.Generation ?? subscription.Generation;
        subscription.Nonce = string.Create(CultureInfo.InvariantCulture, $"{subscription.Generation}-{_id:N}-{++_sent}");
        subscription.Awaiting = true;
        metrics.Pushes.With(ShortName(subscription.TypeUrl)).Add();
        Log.Pushed(logger, NodeId, ShortName(subscription.TypeUrl), updates.Count, removals.Count);

        var version = string.Create(CultureInfo.InvariantCulture, $"{time.GetUtcNow():yyyy-MM-dd'T'HH:mm:ss'Z'}/{subscription.Generation}");
        var wire = updates.Select(update => subscription.Wildcard ? update.Wire : update.WireWithAliases);
        await SendAsync(ResponseParts.Of(version, subscription.TypeUrl, subscription.Nonce, wire, removals), cancellation);
    }

    private async Task SendAsync(List<DeltaDiscoveryResponse> parts, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(options.SendTimeout);
        try
        {
            await responses.WriteAsync(parts, limit.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new GrpcException(GrpcStatus.DeadlineExceeded, $"the client did not take a response within {options.SendTimeout}");
        }
    }

    private IEnumerable<DeltaResource> Select(
        Subscription subscription, ImmutableDictionary<string, DeltaResource> resources, HashSet<string> names)
    {
        if (names.Count == 0)
        {
            return [];
        }

        // A name may be an alias, and what is related is found only by looking: one pass over everything.
        return Visible(resources).Where(resource =>
            names.Contains(resource.Name) || resource.Aliases.Any(names.Contains) || IsRelated(subscription, resource));
    }

    private IEnumerable<DeltaResource> Visible(ImmutableDictionary<string, DeltaResource> resources) =>
        resources.Values.Where(resource => _scope.Sees(resource.Scope));

    private bool IsRelated(Subscription subscription, DeltaResource resource) =>
        options.IsRelated is not null && options.IsRelated(resource, _node!, subscription.Names);

    /// <summary>Names that stand for nothing. Aliases of what there is are not missing.</summary>
    private List<string> Missing(HashSet<string> names, ImmutableDictionary<string, DeltaResource> resources)
    {
        var missing = names
            .Where(name => !resources.ContainsKey(_scope.KeyOf(name)) && !(resources.TryGetValue(name, out var shared) && _scope.Sees(shared.Scope)))
            .ToHashSet(StringComparer.Ordinal);
        if (missing.Count > 0)
        {
            foreach (var resource in Visible(resources))
            {
                missing.ExceptWith(resource.Aliases);
            }
        }

        return [.. missing];
    }

    private void Add(Subscription subscription, IEnumerable<string> names)
    {
        subscription.Names.UnionWith(names);
        if (subscription.Names.Count > options.MaxNamesPerStream)
        {
            throw new GrpcException(
                GrpcStatus.ResourceExhausted,
                $"a stream may subscribe to {options.MaxNamesPerStream} names of {subscription.TypeUrl}; subscribe to * instead");
        }
    }

    private DeltaStreamStatus StatusOf(Subscription subscription) => new(
        NodeId, Peer, subscription.TypeUrl, subscription.Generation, !subscription.Awaiting && subscription.Rejection is null, subscription.Rejection);

    private string ShortName(string typeUrl) => options.ShortNames.GetValueOrDefault(typeUrl, typeUrl);
}
