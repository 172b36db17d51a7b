using System.Collections.Immutable;
using System.Text.Json;
using Ambient.Api.Kubernetes;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ambient.Kubernetes;

/// <summary>What an informer follows.</summary>
public sealed record InformerOptions
{
    /// <summary>The namespace; null means all.</summary>
    public string? Namespace { get; init; }

    /// <summary>As <see cref="ListOptions.LabelSelector"/>.</summary>
    public string? LabelSelector { get; init; }

    /// <summary>As <see cref="ListOptions.FieldSelector"/>.</summary>
    public string? FieldSelector { get; init; }

    /// <summary>As <see cref="ListOptions.PageSize"/>.</summary>
    public int PageSize { get; init; } = 500;

    /// <summary>
    /// Whether the API server may lack the kind (a custom resource that nobody has defined): then there are no such objects, and it is
    /// asked again every <see cref="LongestPause"/>.
    /// </summary>
    public bool KindMayBeMissing { get; init; }

    /// <summary>The first pause after a failure.</summary>
    public TimeSpan FirstPause { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest pause. 5 s, so that everything recovers soon after the API server does.</summary>
    public TimeSpan LongestPause { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>As <see cref="WatchOptions.Timeout"/>.</summary>
    public TimeSpan WatchTimeout { get; init; } = new WatchOptions().Timeout;

    /// <summary>As <see cref="WatchOptions.SilenceLimit"/>.</summary>
    public TimeSpan SilenceLimit { get; init; } = new WatchOptions().SilenceLimit;
}

/// <summary>
/// A local copy of a kind's objects, kept true by list and watch. The owner runs and awaits <see cref="RunAsync"/>.
/// After a lost connection the watch goes on where it stopped; when that point is forgotten (410) the whole list is read
/// again and only real differences become events: nothing is deleted before the last page has arrived.
/// Events come one at a time, after the store changed; a handler must not block.
/// </summary>
public sealed class Informer<T>
    where T : class, IResource
{
    private readonly KubernetesClient _client;
    private readonly ResourceKind<T> _kind;
    private readonly InformerOptions _options;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ImmutableDictionary<ObjectKey, T> _store = ImmutableDictionary<ObjectKey, T>.Empty;
    private ImmutableArray<Action<ResourceEvent<T>>> _handlers = [];

    /// <summary>Makes an informer; it does nothing until it runs.</summary>
    public Informer(
        KubernetesClient client, ResourceKind<T> kind, InformerOptions? options = null, ILogger? logger = null, TimeProvider? time = null)
    {
        _client = client;
        _kind = kind;
        _options = options ?? new();
        _logger = logger ?? NullLogger.Instance;
        _time = time ?? TimeProvider.System;
    }

    /// <summary>Completes when the first list is in the store and its events have been handled.</summary>
    public Task SyncedAsync => _synced.Task;

    /// <summary>Whether the first list is in the store.</summary>
    public bool IsSynced => _synced.Task.IsCompletedSuccessfully;

    /// <summary>The store as it is now; the snapshot never changes.</summary>
    public ImmutableDictionary<ObjectKey, T> Store => Volatile.Read(ref _store);

    /// <summary>All objects as they are now.</summary>
    public IEnumerable<T> List() => Store.Values;

    /// <summary>One object, or null.</summary>
    public T? Get(string? ns, string name) => Store.GetValueOrDefault(new(ns ?? "", name));

    /// <summary>
    /// Adds a handler. It first gets an Added event for each object that is already there, then every change.
    /// An exception of a handler is logged as an error and does not keep others from the event.
    /// </summary>
    public void Subscribe(Action<ResourceEvent<T>> handler)
    {
        lock (_gate)
        {
            foreach (var item in _store.Values)
            {
                Call(handler, new(ResourceEventType.Added, null, item));
            }

            _handlers = _handlers.Add(handler);
        }
    }

    /// <summary>Follows the API until cancelled. Every failure is logged and tried again, with growing pauses.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var backoff = new Backoff(_options.FirstPause, _options.LongestPause);
        string? version = null;
        try
        {
            while (true)
            {
                version ??= await ListAsync(backoff, cancellationToken).ConfigureAwait(false);
                version = await WatchOnceAsync(version, backoff, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            _synced.TrySetCanceled(cancellationToken);
        }
    }

    /// <summary>Lists until it works; only then does the store change.</summary>
    private async Task<string> ListAsync(Backoff backoff, CancellationToken cancellationToken)
    {
        var options = new ListOptions
        {
            LabelSelector = _options.LabelSelector,
            FieldSelector = _options.FieldSelector,
            PageSize = _options.PageSize,
        };
        while (true)
        {
            try
            {
                var list = await _client.ListAsync(_kind, _options.Namespace, options, cancellationToken).ConfigureAwait(false);
                Replace(list.Items);
                _synced.TrySetResult();
                Log.Listed(_logger, _kind.Plural, list.Items.Count, list.ResourceVersion);
                return list.ResourceVersion;
            }
            catch (KubernetesException error) when (error.IsNotFound && _options.KindMayBeMissing)
            {
                Replace([]);
                _synced.TrySetResult();
                Log.KindMissing(_logger, _kind.Plural, _kind.Group);
                await Task.Delay(_options.LongestPause, _time, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception error) when (IsPassing(error, cancellationToken))
            {
                var pause = backoff.Next();
                Log.ListFailed(_logger, _kind.Plural, pause, error);
                await Task.Delay(pause, _time, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Watches once. Returns the version to go on from, or null when everything must be listed again.</summary>
    private async Task<string?> WatchOnceAsync(string version, Backoff backoff, CancellationToken cancellationToken)
    {
        var options = new WatchOptions
        {
            LabelSelector = _options.LabelSelector,
            FieldSelector = _options.FieldSelector,
            ResourceVersion = version,
            Timeout = _options.WatchTimeout,
            SilenceLimit = _options.SilenceLimit,
        };
        var started = _time.GetTimestamp();
        try
        {
            await foreach (var change in _client.WatchAsync(_kind, _options.Namespace, options, cancellationToken).ConfigureAwait(false))
            {
                backoff.Reset();
                version = change.Object.Metadata.ResourceVersion ?? version;
                Apply(change);
            }

            Log.WatchEnded(_logger, _kind.Plural, version);
            if (_time.GetElapsedTime(started) < _options.FirstPause)
            {
                // A server that ends watches at once must not be asked in a tight loop.
                await Task.Delay(backoff.Next(), _time, cancellationToken).ConfigureAwait(false);
            }

            return version;
        }
        catch (KubernetesException error) when (error.IsExpired || error.IsVersionAhead || (error.IsNotFound && _options.KindMayBeMissing))
        {
            Log.WatchExpired(_logger, _kind.Plural, version, error);
            await Task.Delay(backoff.Next(), _time, cancellationToken).ConfigureAwait(false);
            return null;
        }
        catch (Exception error) when (IsPassing(error, cancellationToken))
        {
            var pause = backoff.Next();
            Log.WatchFailed(_logger, _kind.Plural, version, pause, error);
            await Task.Delay(pause, _time, cancellationToken).ConfigureAwait(false);
            return version;
        }
    }

    private static bool IsPassing(Exception error, CancellationToken cancellationToken) =>
        error switch
        {
            OperationCanceledException => !cancellationToken.IsCancellationRequested,
            IOException or HttpRequestException or TimeoutException or JsonException or UnauthorizedAccessException => true,
            _ => false,
        };

    private void Replace(IReadOnlyList<T> items)
    {
        var fresh = items.ToImmutableDictionary(item => ObjectKey.Of(item), item => item);
        lock (_gate)
        {
            var old = _store;
            foreach (var (key, item) in fresh)
            {
                if (!old.TryGetValue(key, out var before))
                {
                    Publish(_store.Add(key, item), new(ResourceEventType.Added, null, item));
                }
                else if (before.Metadata.Uid != item.Metadata.Uid)
                {
                    // Deleted and made again while nobody looked: two objects, two events.
                    Publish(_store.Remove(key), new(ResourceEventType.Deleted, before, null));
                    Publish(_store.Add(key, item), new(ResourceEventType.Added, null, item));
                }
                else if (before.Metadata.ResourceVersion != item.Metadata.ResourceVersion)
                {
                    Publish(_store.SetItem(key, item), new(ResourceEventType.Updated, before, item));
                }
            }

            foreach (var (key, before) in old)
            {
                if (!fresh.ContainsKey(key))
                {
                    Publish(_store.Remove(key), new(ResourceEventType.Deleted, before, null));
                }
            }
        }
    }

    private void Apply(WatchEvent<T> change)
    {
        var item = change.Object;
        var key = ObjectKey.Of(item);
        lock (_gate)
        {
            _store.TryGetValue(key, out var before);
            switch (change.Type)
            {
                case WatchEventType.Bookmark:
                    break;
                case WatchEventType.Deleted:
                    if (before is not null)
                    {
                        Publish(_store.Remove(key), new(ResourceEventType.Deleted, item, null));
                    }

                    break;
                default:
                    Publish(
                        _store.SetItem(key, item),
                        new(before is null ? ResourceEventType.Added : ResourceEventType.Updated, before, item));
                    break;
            }
        }
    }

    private void Publish(ImmutableDictionary<ObjectKey, T> store, ResourceEvent<T> change)
    {
        Volatile.Write(ref _store, store);
        foreach (var handler in _handlers)
        {
            Call(handler, change);
        }
    }

    private void Call(Action<ResourceEvent<T>> handler, ResourceEvent<T> change)
    {
        try
        {
            handler(change);
        }
        catch (Exception error)
        {
            Log.HandlerFailed(_logger, _kind.Plural, ObjectKey.Of(change.Object), error);
        }
    }
}
