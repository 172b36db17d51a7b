using System.Text.Json.Nodes;
using Ambient.ApiServer.Http;
using Ambient.ApiServer.Kinds;
using Microsoft.AspNetCore.Http;

namespace Ambient.ApiServer.Discovery;

/// <summary>Versions, groups and resources, in the old form and the aggregated one; health; token keys.</summary>
internal sealed class DiscoveryDocuments(ServerState server)
{
    private const string AggregatedType = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

    public async Task<bool> TryWriteAsync(HttpContext context, string path)
    {
        switch (path.TrimEnd('/'))
        {
            case "/healthz" or "/livez" or "/readyz":
                await Responses.WriteTextAsync(context, 200, "ok").ConfigureAwait(false);
                return true;
            case "/version":
                await Responses.WriteJsonAsync(context, 200, Version()).ConfigureAwait(false);
                return true;
            case "/api":
                await WriteAsync(context, LegacyCore(context), core: true).ConfigureAwait(false);
                return true;
            case "/apis":
                await WriteAsync(context, Groups(), core: false).ConfigureAwait(false);
                return true;
            case "/openid/v1/jwks":
                await Responses.WriteJsonAsync(context, 200, server.Tokens.KeySet(), "application/jwk-set+json").ConfigureAwait(false);
                return true;
            case "/.well-known/openid-configuration":
                await Responses.WriteJsonAsync(context, 200, OpenId(context)).ConfigureAwait(false);
                return true;
            case "":
                await Responses.WriteJsonAsync(context, 200, Root()).ConfigureAwait(false);
                return true;
        }

        return await TryWriteGroupAsync(context, path).ConfigureAwait(false);
    }

    private static JsonObject Version() => new()
    {
        ["major"] = "1",
        ["minor"] = "34",
        ["gitVersion"] = "v1.34.0+ambient",
        ["gitCommit"] = "",
        ["gitTreeState"] = "clean",
        ["buildDate"] = "1970-01-01T00:00:00Z",
        ["goVersion"] = "",
        ["compiler"] = "dotnet",
        ["platform"] = "linux",
    };

    private JsonObject Root() => new()
    {
        ["paths"] = new JsonArray([
            "/api", "/api/v1", "/apis",
            .. GroupVersions().Select(version => (JsonNode)$"/apis/{version.Group}/{version.Version}"),
            "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version",
        ]),
    };

    private JsonObject OpenId(HttpContext context) => new()
    {
        ["issuer"] = server.Tokens.Issuer,
        ["jwks_uri"] = $"https://{context.Request.Host}/openid/v1/jwks",
        ["response_types_supported"] = new JsonArray("id_token"),
        ["subject_types_supported"] = new JsonArray("public"),
        ["id_token_signing_alg_values_supported"] = new JsonArray("RS256"),
    };

    private async Task WriteAsync(HttpContext context, JsonObject legacy, bool core)
    {
        var accept = context.Request.Headers.Accept.ToString();
        var aggregated = accept.Contains("as=APIGroupDiscoveryList", StringComparison.Ordinal)
            && accept.Contains("v=v2;", StringComparison.Ordinal);
        if (aggregated)
        {
            await Responses.WriteJsonAsync(context, 200, Aggregated(core), AggregatedType).ConfigureAwait(false);
        }
        else
        {
            await Responses.WriteJsonAsync(context, 200, legacy).ConfigureAwait(false);
        }
    }

    private async Task<bool> TryWriteGroupAsync(HttpContext context, string path)
    {
        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        var document = parts switch
        {
            ["api", var version] => Resources("", version),
            ["apis", var group] => server.Types.Types.Exists(type => type.Group == group) ? Group(group, nested: false) : null,
            ["apis", var group, var version] => Resources(group, version),
            _ => null,
        };
        if (document is null)
        {
            return false;
        }

        await Responses.WriteJsonAsync(context, 200, document).ConfigureAwait(false);
        return true;
    }

    private static JsonObject LegacyCore(HttpContext context) => new()
    {
        ["kind"] = "APIVersions",
        ["versions"] = new JsonArray("v1"),
        ["serverAddressByClientCIDRs"] = new JsonArray(new JsonObject
        {
            ["clientCIDR"] = "0.0.0.0/0",
            ["serverAddress"] = context.Request.Host.ToString(),
        }),
    };

    private JsonObject Groups() => new()
    {
        ["kind"] = "APIGroupList",
        ["apiVersion"] = "v1",
        ["groups"] = new JsonArray([.. GroupVersions().Select(item => item.Group).Distinct().Select(group => (JsonNode)Group(group, nested: true))]),
    };

    /// <summary>Groups in order of registration, each with its versions in order of preference; core is left out.</summary>
    private IEnumerable<(string Group, string Version)> GroupVersions() =>
        from type in server.Types.Types
        where type.Group.Length > 0
        group type.Version by type.Group into versions
        from version in versions.Distinct().OrderByDescending(version => version, VersionOrder.Instance)
        select (versions.Key, version);

    private JsonObject Group(string group, bool nested)
    {
        var versions = GroupVersions().Where(item => item.Group == group).Select(item => item.Version).ToList();
        var result = new JsonObject();
        if (!nested)
        {
            result["kind"] = "APIGroup";
            result["apiVersion"] = "v1";
        }

        result["name"] = group;
        result["versions"] = new JsonArray([.. versions.Select(version => (JsonNode)GroupVersion(group, version))]);
        result["preferredVersion"] = GroupVersion(group, versions[0]);
        return result;
    }

    private static JsonObject GroupVersion(string group, string version) => new()
    {
        ["groupVersion"] = $"{group}/{version}",
        ["version"] = version,
    };

    private JsonObject? Resources(string group, string version)
    {
        var types = server.Types.Types.Where(type => type.Group == group && type.Version == version).ToList();
        if (types.Count == 0)
        {
            return null;
        }

        var result = new JsonObject { ["kind"] = "APIResourceList" };
        if (group.Length > 0)
        {
            result["apiVersion"] = "v1";
        }

        result["groupVersion"] = types[0].ApiVersion;
        result["resources"] = new JsonArray([.. types.SelectMany(Entries)]);
        return result;
    }

    private static IEnumerable<JsonNode> Entries(ResourceType type)
    {
        var entry = new JsonObject
        {
            ["name"] = type.Plural,
            ["singularName"] = type.Singular,
            ["namespaced"] = type.Namespaced,
            ["kind"] = type.Kind,
            ["verbs"] = Words(type.Verbs),
        };
        AddNames(entry, type);
        if (type.Verbs.Contains("create") && type.IsStored)
        {
            entry["storageVersionHash"] = type.StorageVersionHash;
        }

        yield return entry;
        foreach (var part in type.Subresources)
        {
            var sub = new JsonObject { ["name"] = $"{type.Plural}/{part.Name}", ["singularName"] = "", ["namespaced"] = type.Namespaced };
            if (part.GroupVersion is { } home)
            {
                sub["group"] = home.Contains('/') ? home.Split('/')[0] : "";
                sub["version"] = home.Split('/')[^1];
            }

            sub["kind"] = part.Kind;
            sub["verbs"] = Words(part.Verbs);
            yield return sub;
        }
    }

    private static void AddNames(JsonObject entry, ResourceType type)
    {
        if (type.ShortNames.Count > 0)
        {
            entry["shortNames"] = Words(type.ShortNames);
        }

        if (type.Categories.Count > 0)
        {
            entry["categories"] = Words(type.Categories);
        }
    }

    private static JsonArray Words(IEnumerable<string> words) => new([.. words.Select(word => (JsonNode)word)]);

    private JsonObject Aggregated(bool core)
    {
        var items = core
            ? [("", "v1")]
            : GroupVersions().ToList();
        return new JsonObject
        {
            ["kind"] = "APIGroupDiscoveryList",
            ["apiVersion"] = "apidiscovery.k8s.io/v2",
            ["metadata"] = new JsonObject(),
            ["items"] = new JsonArray([.. items.GroupBy(item => item.Item1).Select(group => (JsonNode)new JsonObject
            {
                ["metadata"] = group.Key.Length == 0 ? new JsonObject() : new JsonObject { ["name"] = group.Key },
                ["versions"] = new JsonArray([.. group.Select(item => (JsonNode)AggregatedVersion(item.Item1, item.Item2))]),
            })]),
        };
    }

    private JsonObject AggregatedVersion(string group, string version) => new()
    {
        ["version"] = version,
        ["resources"] = new JsonArray([.. server.Types.Types
            .Where(type => type.Group == group && type.Version == version)
            .OrderBy(type => type.Plural, StringComparer.Ordinal)
            .Select(type => (JsonNode)AggregatedResource(type))]),
        ["freshness"] = "Current",
    };

    private static JsonObject AggregatedResource(ResourceType type)
    {
        var entry = new JsonObject
        {
            ["resource"] = type.Plural,
            ["responseKind"] = ResponseKind(type, type.Kind, null),
            ["scope"] = type.Namespaced ? "Namespaced" : "Cluster",
            ["singularResource"] = type.Singular,
            ["verbs"] = Words(type.Verbs),
        };
        AddNames(entry, type);
        if (type.Subresources.Count > 0)
        {
            entry["subresources"] = new JsonArray([.. type.Subresources.Select(part => (JsonNode)new JsonObject
            {
                ["subresource"] = part.Name,
                ["responseKind"] = ResponseKind(type, part.Kind, part.GroupVersion),
                ["verbs"] = Words(part.Verbs),
            })]);
        }

        return entry;
    }

    /// <summary>Built-in kinds leave group and version empty when they are those of the resource.</summary>
    private static JsonObject ResponseKind(ResourceType type, string kind, string? home) => new()
    {
        ["group"] = home?.Split('/')[0] ?? (type.IsCustom ? type.Group : ""),
        ["version"] = home?.Split('/')[^1] ?? (type.IsCustom ? type.Version : ""),
        ["kind"] = kind,
    };
}
