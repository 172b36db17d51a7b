using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using Ambient.ApiServer.Storage;
using Ambient.ApiServer.Tables;

namespace Ambient.ApiServer.Http;

/// <summary>Streams changes to one client. It reads them from the store's history, so a slow client holds nothing up.</summary>
internal sealed class Watcher(ResourceRequest request)
{
    /// <summary>The real server bookmarks about once a minute; more often keeps clients' versions fresh at no cost.</summary>
    private static readonly TimeSpan BookmarkPeriod = TimeSpan.FromSeconds(30);

    /// <summary>Without a wish of the client: half an hour to an hour, so that watches do not end together.</summary>
    private const int ShortestDefault = 1800;

    private readonly Selection _selection = Selection.Of(request);
    private readonly OutputForm _form = Accept.FormOf(request.Http.Request);
    private readonly bool _bookmarks = request.Query("allowWatchBookmarks") is "true" or "1";
    private readonly bool _initialEvents = request.Query("sendInitialEvents") is "true" or "1";
    private readonly ArrayBufferWriter<byte> _buffer = new(4096);
    private bool _hasColumns;

    private TimeProvider Time => request.Server.Options.Time;

    public async Task RunAsync()
    {
        CheckInitialEvents();
        var seconds = Reader.Number(request, "timeoutSeconds") ?? Random.Shared.Next(ShortestDefault, 2 * ShortestDefault);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(request.Http.RequestAborted, request.Server.Stopping.Token);
        end.CancelAfter(TimeSpan.FromSeconds(Math.Min(seconds, int.MaxValue / 1000)));
        try
        {
            await StreamAsync(end.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The watch is over in good order, or the client has gone.
        }
    }

    private void CheckInitialEvents()
    {
        if (_initialEvents && request.Query("resourceVersionMatch") != "NotOlderThan")
        {
            throw Refusal.Invalid("meta.k8s.io", "ListOptions", "", Cause.Forbidden(
                "resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
        }
    }

    private async Task StreamAsync(CancellationToken cancellationToken)
    {
        var store = request.Server.Store;
        var bucket = request.Type.Bucket;
        var after = Reader.Number(request, "resourceVersion");
        if (after is not null)
        {
            await Reader.WaitForVersionAsync(request, after.Value).ConfigureAwait(false);
        }

        var start = store.BeginWatch(bucket, after is null or 0 || _initialEvents ? null : after);
        request.Http.Response.ContentType = "application/json";
        request.Http.Response.Headers.CacheControl = "no-cache, private";
        if (start is null)
        {
            await ExpireAsync($"too old resource version: {after} ({store.Version})", cancellationToken).ConfigureAwait(false);
            return;
        }

        if (start.Initial is { } initial)
        {
            foreach (var item in initial.Items.Values.Where(_selection.Matches))
            {
                Write("ADDED", item);
            }

            if (_initialEvents && _bookmarks)
            {
                WriteBookmark(initial.Version, initialEnd: true);
            }
        }

        await FlushAsync(cancellationToken).ConfigureAwait(false);
        await FollowAsync(start.Position, cancellationToken).ConfigureAwait(false);
    }

    private async Task FollowAsync(long position, CancellationToken cancellationToken)
    {
        var store = request.Server.Store;
        var told = Time.GetTimestamp();
        while (true)
        {
            var batch = store.ReadChanges(request.Type.Bucket, position);
            if (batch.IsLost)
            {
                await ExpireAsync("too old resource version: the watch fell behind", cancellationToken).ConfigureAwait(false);
                return;
            }

            position = batch.Position;
            foreach (var change in batch.Changes)
            {
                Write(change);
            }

            if (batch.Changes.Length == 0)
            {
                if (_bookmarks && Time.GetElapsedTime(told) >= BookmarkPeriod)
                {
                    WriteBookmark(batch.Version, initialEnd: false);
                    told = Time.GetTimestamp();
                }

                await FlushAsync(cancellationToken).ConfigureAwait(false);
                await WaitAsync(batch.Next, cancellationToken).ConfigureAwait(false);
            }
            else
            {
                await FlushAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task WaitAsync(Task change, CancellationToken cancellationToken)
    {
        try
        {
            await change.WaitAsync(BookmarkPeriod, Time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // Time for a bookmark.
        }
    }

    /// <summary>A change is told from the client's side: an object that leaves the selection is deleted for it.</summary>
    private void Write(Change change)
    {
        var was = change.Old is not null && _selection.Matches(change.Old);
        var isNow = change.Type != ChangeType.Deleted && _selection.Matches(change.New);
        if (isNow)
        {
            Write(was ? "MODIFIED" : "ADDED", change.New);
        }
        else if (was)
        {
            // A deletion shows the last state, a departure the state before it, both at the version of the change.
            var last = change.Type == ChangeType.Deleted
                ? change.New
                : StoredObject.Freeze(change.Old!.Thaw(request.Type.Kind, request.Type.ApiVersion), change.Version);
            Write("DELETED", last);
        }
    }

    private void Write(string type, StoredObject item)
    {
        _buffer.Write(Encoding.UTF8.GetBytes($"{{\"type\":\"{type}\",\"object\":"));
        switch (_form)
        {
            case OutputForm.Table:
                var table = TableBuilder.Build(
                    request.Server, request.Type, [item], item.Version, request.Query("includeObject"), !_hasColumns);
                _hasColumns = true;
                _buffer.Write(Encoding.UTF8.GetBytes(Json.Text(table)));
                break;
            case OutputForm.Metadata:
                _buffer.Write(Encoding.UTF8.GetBytes(Json.Text(Reader.Metadata(item, request.Type))));
                break;
            default:
                Responses.WriteObject(_buffer, item, request.Type);
                break;
        }

        _buffer.Write("}\n"u8);
    }

    private void WriteBookmark(long version, bool initialEnd)
    {
        var metadata = new JsonObject { ["resourceVersion"] = version.ToString() };
        if (initialEnd)
        {
            metadata["annotations"] = new JsonObject { ["k8s.io/initial-events-end"] = "true" };
        }

        var body = _form == OutputForm.Object
            ? new JsonObject { ["kind"] = request.Type.Kind, ["apiVersion"] = request.Type.ApiVersion, ["metadata"] = metadata }
            : _form == OutputForm.Metadata
                ? new JsonObject { ["kind"] = "PartialObjectMetadata", ["apiVersion"] = "meta.k8s.io/v1", ["metadata"] = metadata }
                : TableBuilder.Bookmark(metadata);
        WriteEvent("BOOKMARK", body);
    }

    private Task ExpireAsync(string message, CancellationToken cancellationToken)
    {
        WriteEvent("ERROR", Refusal.Expired(message).ToStatus());
        return FlushAsync(cancellationToken);
    }

    private void WriteEvent(string type, JsonObject body) =>
        _buffer.Write(Encoding.UTF8.GetBytes(Json.Text(new JsonObject { ["type"] = type, ["object"] = body }) + "\n"));

    private async Task FlushAsync(CancellationToken cancellationToken)
    {
        if (_buffer.WrittenCount > 0)
        {
            await request.Http.Response.Body.WriteAsync(_buffer.WrittenMemory, cancellationToken).ConfigureAwait(false);
            _buffer.ResetWrittenCount();
        }

        await request.Http.Response.Body.FlushAsync(cancellationToken).ConfigureAwait(false);
    }
}
