using System.Buffers;
using System.Collections.Immutable;
using System.Text;
using System.Text.Json.Nodes;
using Ambient.ApiServer.Kinds;
using Ambient.ApiServer.Selectors;
using Ambient.ApiServer.Storage;
using Ambient.ApiServer.Tables;

namespace Ambient.ApiServer.Http;

/// <summary>What a list or watch selects.</summary>
internal sealed record Selection(ResourceType Type, string Namespace, string? Name, LabelSelector Labels, FieldSelector? Fields)
{
    public static Selection Of(ResourceRequest request) => new(
        request.Type,
        request.Namespace,
        request.Info.Name,
        LabelSelector.Parse(request.Query("labelSelector") ?? ""),
        request.Query("fieldSelector") is { Length: > 0 } fields ? FieldSelector.Parse(fields, request.Type) : null);

    public bool Matches(StoredObject item) =>
        (Namespace.Length == 0 || item.Namespace == Namespace)
        && (Name is null || item.Name == Name)
        && (Labels.IsEverything || Labels.Matches(item.Labels))
        && (Fields is null || Fields.Matches(item));
}

/// <summary>Get and list.</summary>
internal static class Reader
{
    public static Task GetAsync(ResourceRequest request)
    {
        var item = request.Server.Store.Find(request.Type.Bucket, request.Namespace, request.Name) ?? throw request.NotFound();
        return WriteAsync(request, 200, item);
    }

    /// <summary>Writes one object in the form that the client asked for.</summary>
    public static Task WriteAsync(ResourceRequest request, int status, StoredObject item)
    {
        switch (Accept.FormOf(request.Http.Request))
        {
            case OutputForm.Table:
                var table = TableBuilder.Build(request.Server, request.Type, [item], item.Version, request.Query("includeObject"), true);
                return Responses.WriteJsonAsync(request.Http, status, table);
            case OutputForm.Metadata:
                return Responses.WriteJsonAsync(request.Http, status, Metadata(item, request.Type));
            default:
                return Responses.WriteAsync(request.Http, status, Responses.ObjectBytes(item, request.Type), "application/json");
        }
    }

    /// <summary>Only the metadata of an object.</summary>
    public static JsonObject Metadata(StoredObject item, ResourceType type) => new()
    {
        ["kind"] = "PartialObjectMetadata",
        ["apiVersion"] = "meta.k8s.io/v1",
        ["metadata"] = item.Thaw(type.Kind, type.ApiVersion)["metadata"]!.DeepClone(),
    };

    public static async Task ListAsync(ResourceRequest request)
    {
        var selection = Selection.Of(request);
        var token = ContinueToken.Parse(request.Query("continue"));
        var snapshot = await SnapshotAsync(request, token).ConfigureAwait(false);
        var limit = Number(request, "limit") ?? 0;
        var page = new List<StoredObject>();
        string? next = null;
        var left = 0;
        foreach (var (key, item) in snapshot.Items)
        {
            if ((token is not null && string.CompareOrdinal(key, token.After) <= 0) || !selection.Matches(item))
            {
                continue;
            }

            if (limit > 0 && page.Count == limit)
            {
                next ??= new ContinueToken(snapshot.Version, page[^1].Key).ToString();
                left++;
                continue;
            }

            page.Add(item);
        }

        // The remaining count is only known without selectors, as with the real store.
        var remaining = next is not null && selection.Labels.IsEverything && selection.Fields is null ? left : (int?)null;
        await WriteListAsync(request, page, snapshot.Version, next, remaining).ConfigureAwait(false);
    }

    public static long? Number(ResourceRequest request, string name) => request.Query(name) switch
    {
        null or "" => null,
        var text => long.TryParse(text, out var number) && number >= 0
            ? number
            : throw Refusal.BadRequest($"{name}: {text} is not a number"),
    };

    /// <summary>The state to list: the newest, or that of a continued or exact version.</summary>
    private static async Task<Snapshot> SnapshotAsync(ResourceRequest request, ContinueToken? token)
    {
        var store = request.Server.Store;
        if (token is not null)
        {
            return store.ListAt(request.Type.Bucket, token.Version) ?? throw Refusal.Expired(
                "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.");
        }

        var wanted = Number(request, "resourceVersion") ?? 0;
        await WaitForVersionAsync(request, wanted).ConfigureAwait(false);
        if (request.Query("resourceVersionMatch") == "Exact" && wanted > 0)
        {
            return store.ListAt(request.Type.Bucket, wanted) ?? throw Refusal.Expired("The resourceVersion for the provided list is too old.");
        }

        return store.List(request.Type.Bucket);
    }

    /// <summary>A version that lies ahead may belong to another life of the server; the real one waits three seconds for it.</summary>
    public static async Task WaitForVersionAsync(ResourceRequest request, long wanted)
    {
        var store = request.Server.Store;
        if (wanted > store.Version)
        {
            var patience = TimeSpan.FromSeconds(Math.Min(3, Number(request, "timeoutSeconds") ?? 3));
            var end = request.Server.Options.Time.GetTimestamp();
            while (wanted > store.Version)
            {
                if (request.Server.Options.Time.GetElapsedTime(end) >= patience)
                {
                    throw new ApiException(
                        504,
                        "Timeout",
                        $"Timeout: Too large resource version: {wanted}, current: {store.Version}",
                        new JsonObject
                        {
                            ["causes"] = new JsonArray(new JsonObject
                            {
                                ["reason"] = "ResourceVersionTooLarge",
                                ["message"] = "Too large resource version",
                            }),
                            ["retryAfterSeconds"] = 1,
                        },
                        retryAfterSeconds: 1);
                }

                await Task.Delay(20, request.Http.RequestAborted).ConfigureAwait(false);
            }
        }
    }

    private static Task WriteListAsync(ResourceRequest request, List<StoredObject> page, long version, string? next, int? remaining)
    {
        var form = Accept.FormOf(request.Http.Request);
        var metadata = new JsonObject { ["resourceVersion"] = version.ToString() };
        if (next is not null)
        {
            metadata["continue"] = next;
        }

        if (remaining is not null)
        {
            metadata["remainingItemCount"] = remaining;
        }

        if (form == OutputForm.Table)
        {
            var table = TableBuilder.Build(request.Server, request.Type, page, version, request.Query("includeObject"), true);
            table["metadata"] = metadata;
            return Responses.WriteJsonAsync(request.Http, 200, table);
        }

        if (form == OutputForm.Metadata)
        {
            return Responses.WriteJsonAsync(request.Http, 200, new JsonObject
            {
                ["kind"] = "PartialObjectMetadataList",
                ["apiVersion"] = "meta.k8s.io/v1",
                ["metadata"] = metadata,
                ["items"] = new JsonArray([.. page.Select(item => (JsonNode)Metadata(item, request.Type))]),
            });
        }

        return Responses.WriteAsync(request.Http, 200, ListBytes(request.Type, page, metadata), "application/json");
    }

    public static byte[] ListBytes(ResourceType type, IReadOnlyList<StoredObject> items, JsonObject metadata)
    {
        var output = new ArrayBufferWriter<byte>(256 + items.Sum(item => item.Utf8.Length + 64));
        output.Write(Encoding.UTF8.GetBytes(
            $"{{\"kind\":\"{type.ItemsKind}\",\"apiVersion\":\"{type.ApiVersion}\",\"metadata\":{Json.Text(metadata)},\"items\":["));
        for (var i = 0; i < items.Count; i++)
        {
            if (i > 0)
            {
                output.Write(","u8);
            }

            // Items of built-in kinds go without kind and apiVersion, those of custom resources with.
            if (type.IsCustom)
            {
                Responses.WriteObject(output, items[i], type);
            }
            else
            {
                output.Write(items[i].Utf8);
            }
        }

        output.Write("]}"u8);
        return output.WrittenSpan.ToArray();
    }
}

/// <summary>Where a paged list goes on: after a key, in the state of a version.</summary>
internal sealed record ContinueToken(long Version, string After)
{
    public override string ToString() => Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Version} {After}"));

    public static ContinueToken? Parse(string? text)
    {
        if (string.IsNullOrEmpty(text))
        {
            return null;
        }

        var bytes = new byte[text.Length];
        if (Convert.TryFromBase64String(text, bytes, out var length)
            && Encoding.UTF8.GetString(bytes, 0, length).Split(' ', 2) is [var version, var after]
            && long.TryParse(version, out var number))
        {
            return new(number, after);
        }

        throw Refusal.BadRequest("continue key is not valid: it must come from an earlier list");
    }
}
