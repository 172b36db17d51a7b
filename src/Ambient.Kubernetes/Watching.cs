using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Ambient.Api.Kubernetes;

namespace Ambient.Kubernetes;

/// <summary>Splits a watch's answer into lines, one event each.</summary>
internal sealed class WatchLines(Stream stream, string path)
{
    /// <summary>Etcd takes objects of 1.5 MiB; JSON of a protobuf object with escapes stays within ten times that.</summary>
    private const int LongestLine = 16 * 1024 * 1024;

    private readonly PipeReader _reader = PipeReader.Create(stream);

    /// <summary>The next line, or null at the end. An end within a line is a broken connection.</summary>
    public async Task<byte[]?> ReadAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var result = await _reader.ReadAsync(cancellationToken).ConfigureAwait(false);
            var buffer = result.Buffer;
            if (buffer.PositionOf((byte)'\n') is { } end)
            {
                var line = buffer.Slice(0, end).ToArray();
                _reader.AdvanceTo(buffer.GetPosition(1, end));
                if (line.Length > 0)
                {
                    return line;
                }

                continue;
            }

            if (buffer.Length > LongestLine)
            {
                throw new IOException($"GET {path}: an event is longer than {LongestLine} bytes.");
            }

            _reader.AdvanceTo(buffer.Start, buffer.End);
            if (result.IsCompleted)
            {
                return buffer.IsEmpty ? null : throw new IOException($"GET {path}: the watch ended within an event.");
            }
        }
    }
}

/// <summary>Ends waits that last longer than a living watch can be silent.</summary>
internal sealed class Watchdog(TimeSpan limit, string path, TimeProvider time, CancellationToken outer) : IDisposable
{
    private readonly CancellationTokenSource _silence = new(Timeout.InfiniteTimeSpan, time);

    public async Task<T> RunAsync<T>(Func<CancellationToken, Task<T>> step)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(outer, _silence.Token);
        _silence.CancelAfter(limit);
        try
        {
            var value = await step(both.Token).ConfigureAwait(false);
            // The consumer may take its time over an event; only waiting for the server counts.
            _silence.CancelAfter(Timeout.InfiniteTimeSpan);
            return value;
        }
        catch (OperationCanceledException) when (_silence.IsCancellationRequested && !outer.IsCancellationRequested)
        {
            throw new TimeoutException($"GET {path}: the watch was silent for {limit}.");
        }
    }

    public void Dispose() => _silence.Dispose();
}

/// <summary>Turns lines of a watch, and Status objects, into what callers see.</summary>
internal static class WatchDecoder
{
    public static WatchEvent<T> Decode<T>(byte[] line, JsonTypeInfo<T> json, string path)
        where T : class, IResource
    {
        using var document = JsonDocument.Parse(line);
        var body = document.RootElement.GetProperty("object");
        var type = document.RootElement.GetProperty("type").GetString() switch
        {
            "ADDED" => WatchEventType.Added,
            "MODIFIED" => WatchEventType.Modified,
            "DELETED" => WatchEventType.Deleted,
            "BOOKMARK" => WatchEventType.Bookmark,
            "ERROR" => throw Refusal(body, HttpStatusCode.InternalServerError, $"GET {path}"),
            var other => throw new JsonException($"GET {path}: unknown event type {other}."),
        };
        return new(type, body.Deserialize(json) ?? throw new JsonException($"GET {path}: an event without object."));
    }

    public static KubernetesException Refusal(JsonElement status, HttpStatusCode code, string request)
    {
        if (status.ValueKind != JsonValueKind.Object)
        {
            return new(code, code.ToString(), status.ToString(), request);
        }

        var inner = status.TryGetProperty("code", out var number) && number.TryGetInt32(out var value) ? (HttpStatusCode)value : code;
        var reason = status.TryGetProperty("reason", out var text) ? text.GetString() : null;
        var message = status.TryGetProperty("message", out text) ? text.GetString() : null;
        return new(inner, reason ?? inner.ToString(), message ?? "(no message)", request);
    }
}
