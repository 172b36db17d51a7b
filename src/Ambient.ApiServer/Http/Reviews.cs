using System.Text.Json.Nodes;
using Ambient.ApiServer.Auth;
using Ambient.ApiServer.Kinds;
using Ambient.ApiServer.ManagedFields;
using Ambient.ApiServer.Schemas;
using Ambient.ApiServer.Storage;

namespace Ambient.ApiServer.Http;

/// <summary>Requests whose answer is computed and not kept: tokens, reviews, bindings, evictions.</summary>
internal static class Reviews
{
    /// <summary>The real server's bounds for tokens: ten minutes to 2^32 seconds; an hour when nothing is asked.</summary>
    private const long ShortestToken = 600;
    private const long LongestToken = 1L << 32;
    private const long UsualToken = 3600;

    public static async Task CreateAsync(ResourceRequest request)
    {
        var body = await ResourceHandler.ReadAsync(request, request.Type).ConfigureAwait(false);
        Filler.Fill(body, request.Type.Schema);
        FieldManagers.Update(body, null, request.Type, Writing.By(request.FieldManager), request.Server.Now());
        body["status"] = request.Type.Kind switch
        {
            "TokenReview" => ReviewToken(request.Server, body),
            "SelfSubjectReview" => new JsonObject { ["userInfo"] = request.User.ToJson() },
            "SelfSubjectRulesReview" => Everything(),
            "Binding" => throw Refusal.BadRequest("bind a pod through pods/binding"),
            _ => new JsonObject { ["allowed"] = Allowed(request, body) },
        };
        await Responses.WriteJsonAsync(request.Http, 201, body).ConfigureAwait(false);
    }

    public static async Task TokenAsync(ResourceRequest request)
    {
        var server = request.Server;
        var account = server.Store.Find("/serviceaccounts", request.Namespace, request.Name) ?? throw request.NotFound();
        var type = TokenRequestType;
        var body = await ResourceHandler.ReadAsync(request, type).ConfigureAwait(false);
        Filler.Fill(body, type.Schema);
        FieldManagers.Update(body, null, type, Writing.By(request.FieldManager, "token"), server.Now());
        var spec = body.Child("spec");
        var audiences = (spec["audiences"] as JsonArray)?.Select(item => item?.GetValue<string>() ?? "").ToList() ?? [];
        if (audiences.Count == 0)
        {
            audiences = [.. server.Tokens.Audiences];
            spec["audiences"] = new JsonArray([.. audiences.Select(item => (JsonNode)item)]);
        }

        var seconds = spec.NumberAt("expirationSeconds") ?? UsualToken;
        spec["expirationSeconds"] = seconds;
        if (seconds is < ShortestToken or > LongestToken)
        {
            throw Refusal.Invalid(type.Group, type.Kind, "", Cause.Invalid(
                "spec.expirationSeconds", seconds,
                seconds < ShortestToken ? "may not specify a duration less than 10 minutes" : "may not specify a duration larger than 2^32 seconds"));
        }

        var (bound, kind) = Bound(request, spec);
        var metadata = body.Child("metadata");
        metadata["name"] = account.Name;
        metadata["namespace"] = account.Namespace;
        metadata["uid"] = account.Uid;
        metadata["creationTimestamp"] = server.Now();
        body["status"] = new JsonObject
        {
            ["token"] = server.Tokens.Issue(account, audiences, TimeSpan.FromSeconds(seconds), bound, kind),
            ["expirationTimestamp"] = Timestamps.Text(server.Options.Time.GetUtcNow() + TimeSpan.FromSeconds(seconds)),
        };
        await Responses.WriteJsonAsync(request.Http, 201, body).ConfigureAwait(false);
    }

    /// <summary>Gives a pod to a node.</summary>
    public static async Task BindAsync(ResourceRequest request)
    {
        var body = await Bodies.ReadObjectAsync(request.Http.Request, "Binding", SchemaText.BuiltIn["Binding"]).ConfigureAwait(false);
        var node = body.TextAt("target", "name") is { Length: > 0 } name
            ? name
            : throw Refusal.Invalid("", "Binding", request.Name, Cause.Required("target.name"));
        var store = request.Server.Store;
        while (true)
        {
            var read = store.Find("/pods", request.Namespace, request.Name) ?? throw request.NotFound();
            var pod = read.Thaw("Pod", "v1");
            if (pod.TextAt("spec", "nodeName") is { Length: > 0 } old)
            {
                throw Refusal.Conflict("", "pods/binding", request.Name, $"pod {request.Name} is already assigned to node \"{old}\"");
            }

            pod.Child("spec")["nodeName"] = node;
            var status = pod.Child("status");
            var others = status.ObjectsAt("conditions").Where(item => item.TextAt("type") != "PodScheduled").Select(item => item.DeepClone());
            status["conditions"] = new JsonArray([.. others, new JsonObject
            {
                ["type"] = "PodScheduled",
                ["status"] = "True",
                ["lastProbeTime"] = null,
                ["lastTransitionTime"] = request.Server.Now(),
            }]);
            if (store.Replace("/pods", read, pod) is not null)
            {
                break;
            }
        }

        await SuccessAsync(request, 201).ConfigureAwait(false);
    }

    public static async Task EvictAsync(ResourceRequest request)
    {
        var body = await Bodies.ReadObjectAsync(request.Http.Request, "Eviction", SchemaText.BuiltIn["Eviction"]).ConfigureAwait(false);
        request.Server.Deletes.Delete(request.Type, request.Namespace, request.Name,
            Deletion.Read(body.At("deleteOptions") as JsonObject ?? [], request), request.IsDryRun);
        await SuccessAsync(request, 201).ConfigureAwait(false);
    }

    private static ResourceType TokenRequestType { get; } = new()
    {
        Group = "authentication.k8s.io",
        Version = "v1",
        Kind = "TokenRequest",
        Plural = "tokenrequests",
        Singular = "tokenrequest",
        Namespaced = true,
        Schema = SchemaText.BuiltIn["TokenRequest"],
    };

    private static Task SuccessAsync(ResourceRequest request, int code) => Responses.WriteJsonAsync(request.Http, code, new JsonObject
    {
        ["kind"] = "Status",
        ["apiVersion"] = "v1",
        ["metadata"] = new JsonObject(),
        ["status"] = "Success",
        ["code"] = code,
    });

    private static (StoredObject? Item, string Kind) Bound(ResourceRequest request, JsonObject spec)
    {
        if (spec["boundObjectRef"] is not JsonObject reference)
        {
            return (null, "");
        }

        var kind = reference.TextAt("kind") ?? "";
        var (bucket, ns) = kind switch
        {
            "Pod" => ("/pods", request.Namespace),
            "Secret" => ("/secrets", request.Namespace),
            "Node" => ("/nodes", ""),
            _ => throw Refusal.BadRequest($"cannot bind token for serviceaccount \"{request.Name}\" to object of type {kind}"),
        };
        var name = reference.TextAt("name") ?? "";
        var item = request.Server.Store.Find(bucket, ns, name) ?? throw Refusal.NotFound("", bucket[1..], name);
        if (reference.TextAt("uid") is { Length: > 0 } uid && uid != item.Uid)
        {
            throw Refusal.Conflict("", bucket[1..], name, $"the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been deleted and then recreated");
        }

        if (kind == "Pod" && item.Field("spec.serviceAccountName") is var account && account != request.Name && account.Length > 0)
        {
            throw Refusal.BadRequest($"cannot bind token for serviceaccount \"{request.Name}\" to pod running with different serviceaccount name.");
        }

        return (item, kind);
    }

    private static JsonObject ReviewToken(ServerState server, JsonObject body)
    {
        var token = body.TextAt("spec", "token") ?? "";
        var wanted = (body.At("spec", "audiences") as JsonArray)?.Select(item => item?.GetValue<string>() ?? "").ToList() ?? [];
        if (server.Authenticator.IsAdminToken(token))
        {
            return new JsonObject { ["authenticated"] = true, ["user"] = User.Admin.ToJson() };
        }

        if (server.Tokens.Review(token, wanted, out var problem) is not { } owner)
        {
            return new JsonObject { ["user"] = new JsonObject(), ["error"] = problem };
        }

        return new JsonObject
        {
            ["authenticated"] = true,
            ["user"] = owner.User.ToJson(),
            ["audiences"] = new JsonArray([.. owner.Audiences.Select(item => (JsonNode)item)]),
        };
    }

    private static bool Allowed(ResourceRequest request, JsonObject body)
    {
        var spec = body.Child("spec");
        var user = request.Type.Kind == "SelfSubjectAccessReview"
            ? request.User
            : new User(spec.TextAt("user") ?? "", [.. (spec["groups"] as JsonArray ?? []).Select(item => item?.GetValue<string>() ?? "")]);
        if (spec["resourceAttributes"] is not JsonObject attributes)
        {
            return request.Server.Authorizer.Allows(
                user, new(spec.TextAt("nonResourceAttributes", "verb") ?? "", "", "", "", "", "", spec.TextAt("nonResourceAttributes", "path") ?? "/"));
        }

        return request.Server.Authorizer.Allows(user, new(
            attributes.TextAt("verb") ?? "",
            attributes.TextAt("group") ?? "",
            attributes.TextAt("resource") ?? "",
            attributes.TextAt("subresource") ?? "",
            attributes.TextAt("namespace") ?? "",
            attributes.TextAt("name") ?? ""));
    }

    private static JsonObject Everything() => new()
    {
        ["resourceRules"] = new JsonArray(new JsonObject
        {
            ["verbs"] = new JsonArray("*"),
            ["apiGroups"] = new JsonArray("*"),
            ["resources"] = new JsonArray("*"),
        }),
        ["nonResourceRules"] = new JsonArray(new JsonObject { ["verbs"] = new JsonArray("*"), ["nonResourceURLs"] = new JsonArray("*") }),
        ["incomplete"] = false,
    };
}
