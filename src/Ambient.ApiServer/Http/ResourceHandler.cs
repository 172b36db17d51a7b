using System.Text.Json.Nodes;
using Ambient.ApiServer.Kinds;
using Ambient.ApiServer.Schemas;

namespace Ambient.ApiServer.Http;

/// <summary>Does what a request for a resource asks.</summary>
internal static class ResourceHandler
{
    public static Task HandleAsync(ResourceRequest request, string verb)
    {
        if (request.Info.Subresource is { } part)
        {
            return SubresourceAsync(request, part, verb);
        }

        if (!request.Type.IsStored)
        {
            return verb == "create" ? Reviews.CreateAsync(request)
                : request.Type.Plural == "componentstatuses" ? Responses.WriteAsync(
                    request.Http, 200, Reader.ListBytes(request.Type, [], new JsonObject()), "application/json")
                : throw Refusal.MethodNotAllowed();
        }

        return verb switch
        {
            "get" => Reader.GetAsync(request),
            "list" => Reader.ListAsync(request),
            "watch" => new Watcher(request).RunAsync(),
            "create" when request.Info.Name is null => CreateAsync(request),
            "update" when request.Info.Name is not null => UpdateAsync(request, ""),
            "patch" when request.Info.Name is not null => Patcher.PatchAsync(request, ""),
            "delete" => DeleteAsync(request),
            "deletecollection" when request.Type.Verbs.Contains("deletecollection") => DeleteCollectionAsync(request),
            _ => throw Refusal.MethodNotAllowed(),
        };
    }

    /// <summary>Brings a body into its kind's shape, and refuses or warns about unknown fields as the client wishes.</summary>
    public static void Decode(ResourceRequest request, JsonObject body, ResourceType type)
    {
        var decoder = new Decoder(type.Kind, strictTypes: !type.IsCustom);
        decoder.Decode(body, type.Schema);
        if (decoder.Unknown.Count == 0)
        {
            return;
        }

        switch (request.Query("fieldValidation"))
        {
            case "Strict":
                var errors = string.Join(", ", decoder.Unknown.Select(path => $"unknown field \"{path}\""));
                throw Refusal.BadRequest(
                    $"{type.Kind} in version \"{type.Version}\" cannot be handled as a {type.Kind}: strict decoding error: {errors}");
            case "Ignore":
                break;
            default:
                foreach (var path in decoder.Unknown)
                {
                    Responses.Warn(request.Http, $"unknown field \"{path}\"");
                }

                break;
        }
    }

    /// <summary>Reads a body and checks that it is of the kind.</summary>
    public static async Task<JsonObject> ReadAsync(ResourceRequest request, ResourceType type)
    {
        var body = await Bodies.ReadObjectAsync(request.Http.Request, type.Kind, type.Schema).ConfigureAwait(false);
        CheckKind(body, type);
        Decode(request, body, type);
        return body;
    }

    public static void CheckKind(JsonObject body, ResourceType type)
    {
        var kind = body.TextAt("kind") ?? type.Kind;
        var apiVersion = body.TextAt("apiVersion") ?? type.ApiVersion;
        if (kind != type.Kind || apiVersion != type.ApiVersion)
        {
            throw Refusal.BadRequest(
                $"{kind} in version \"{apiVersion.Split('/')[^1]}\" cannot be handled as a {type.Kind}: no kind \"{kind}\" is registered for \"{apiVersion}\" here; this path takes {type.Kind} of {type.ApiVersion}");
        }

        body.Remove("kind");
        body.Remove("apiVersion");
        body.Insert(0, "kind", type.Kind);
        body.Insert(1, "apiVersion", type.ApiVersion);
        body.Child("metadata");
    }

    private static async Task CreateAsync(ResourceRequest request)
    {
        var body = await ReadAsync(request, request.Type).ConfigureAwait(false);
        if (request.Type.Namespaced && request.Namespace.Length == 0)
        {
            throw Refusal.MethodNotAllowed();
        }

        var created = request.Server.Writes.Create(
            request.Type, request.Namespace, body, Writing.By(request.FieldManager), request.IsDryRun);
        await Reader.WriteAsync(request, 201, created).ConfigureAwait(false);
    }

    public static async Task UpdateAsync(ResourceRequest request, string subresource)
    {
        var body = await ReadAsync(request, request.Type).ConfigureAwait(false);
        if (body.TextAt("metadata", "name") is null or "")
        {
            throw Refusal.BadRequest("the name of the object (based on its metadata) was empty; it must match the name on the URL");
        }

        var written = request.Server.Writes.Change(
            request.Type, request.Namespace, request.Name, _ => body.DeepClone().AsObject(),
            Writing.By(request.FieldManager, subresource), request.IsDryRun);
        await Reader.WriteAsync(request, 200, written).ConfigureAwait(false);
    }

    private static async Task DeleteAsync(ResourceRequest request)
    {
        var options = await Bodies.ReadOptionsAsync(request.Http.Request).ConfigureAwait(false);
        var dryRun = request.IsDryRun || options["dryRun"] is JsonArray { Count: > 0 };
        var (item, isGone) = request.Server.Deletes.Delete(
            request.Type, request.Namespace, request.Name, Deletion.Read(options, request), dryRun);
        if (!isGone || request.Type.Bucket == "/pods")
        {
            await Reader.WriteAsync(request, 200, item).ConfigureAwait(false);
            return;
        }

        var details = Refusal.Details(item.Name, request.Type.Group, request.Type.Plural);
        details["uid"] = item.Uid;
        await Responses.WriteJsonAsync(request.Http, 200, new JsonObject
        {
            ["kind"] = "Status",
            ["apiVersion"] = "v1",
            ["metadata"] = new JsonObject(),
            ["status"] = "Success",
            ["details"] = details,
        }).ConfigureAwait(false);
    }

    private static async Task DeleteCollectionAsync(ResourceRequest request)
    {
        var options = await Bodies.ReadOptionsAsync(request.Http.Request).ConfigureAwait(false);
        var deletion = Deletion.Read(options, request);
        var selection = Selection.Of(request);
        var items = request.Server.Store.List(request.Type.Bucket).Items.Values.Where(selection.Matches).ToList();
        foreach (var item in items)
        {
            try
            {
                request.Server.Deletes.Delete(request.Type, item.Namespace, item.Name, deletion, request.IsDryRun);
            }
            catch (ApiException error) when (error.Code == 404)
            {
                // Somebody else, or an owner's end, took it first.
            }
        }

        var metadata = new JsonObject { ["resourceVersion"] = request.Server.Store.Version.ToString() };
        await Responses.WriteAsync(
            request.Http, 200, Reader.ListBytes(request.Type, items, metadata), "application/json").ConfigureAwait(false);
    }

    private static Task SubresourceAsync(ResourceRequest request, string part, string verb)
    {
        if (request.Type.Subresources.FirstOrDefault(item => item.Name == part) is not { } subresource)
        {
            return Responses.WriteTextAsync(request.Http, 404, "404 page not found\n");
        }

        return (part, verb) switch
        {
            ("status" or "ephemeralcontainers" or "resize", "get") => Reader.GetAsync(request),
            ("status" or "ephemeralcontainers" or "resize", "update") => UpdateAsync(request, part),
            ("status" or "ephemeralcontainers" or "resize", "patch") => Patcher.PatchAsync(request, part),
            ("finalize", "update") => UpdateAsync(request, part),
            ("scale", _) => Scales.HandleAsync(request, verb),
            ("binding", "create") => Reviews.BindAsync(request),
            ("eviction", "create") => Reviews.EvictAsync(request),
            ("token", "create") => Reviews.TokenAsync(request),
            ("log", "get") => PodStreams.LogAsync(request),
            ("exec", "get" or "create") => PodStreams.ExecAsync(request),
            ("portforward", "get" or "create") => PodStreams.ForwardAsync(request),
            _ when subresource.Verbs.Contains(verb) => throw new ApiException(
                501, "NotImplemented", $"{request.Type.Plural}/{part} is not served here; use pods/exec", []),
            _ => throw Refusal.MethodNotAllowed(),
        };
    }
}
