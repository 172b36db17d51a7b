using System.Text.Json.Nodes;

namespace Ambient.ApiServer.Auth;

/// <summary>What somebody wants to do.</summary>
internal sealed record AccessRequest(
    string Verb, string Group, string Resource, string Subresource, string Namespace, string Name, string Path = "");

/// <summary>Decides by roles and their bindings, as they are in the store at that moment.</summary>
internal sealed class Authorizer(ServerState server)
{
    private const string RbacGroup = "rbac.authorization.k8s.io";

    /// <summary>Paths that anybody may read: who waits for the server has no credentials yet.</summary>
    private static readonly string[] PublicPaths = ["/healthz", "/livez", "/readyz", "/version", "/openid/v1/jwks", "/.well-known/openid-configuration"];

    public bool Allows(User user, AccessRequest access)
    {
        if (user.Groups.Contains(User.AdminGroup) || PublicPaths.Contains(access.Path))
        {
            return true;
        }

        if (user.IsAnonymous)
        {
            return false;
        }

        // Discovery and reviews of oneself are for every user, by the real server's default roles.
        return !server.Options.EnforceRoles
            || access.Path.Length > 0
            || access.Resource.StartsWith("selfsubject", StringComparison.Ordinal)
            || Bindings(user, access.Namespace).SelectMany(Rules).Any(rule => Covers(rule, access));
    }

    /// <summary>The references to roles that bindings give the user, everywhere or in the namespace.</summary>
    private IEnumerable<(JsonNode? Role, string Namespace)> Bindings(User user, string ns)
    {
        foreach (var plural in new[] { "clusterrolebindings", "rolebindings" })
        {
            foreach (var item in server.Store.List($"{RbacGroup}/{plural}").Items.Values)
            {
                if (plural == "rolebindings" && item.Namespace != ns)
                {
                    continue;
                }

                var body = item.Thaw("", "");
                if (body.ObjectsAt("subjects").Any(subject => IsSubject(subject, user)))
                {
                    yield return (body["roleRef"], item.Namespace);
                }
            }
        }
    }

    private static bool IsSubject(JsonObject subject, User user) => subject.TextAt("kind") switch
    {
        "User" => subject.TextAt("name") == user.Name,
        "Group" => user.Groups.Contains(subject.TextAt("name") ?? ""),
        "ServiceAccount" => user.Name == $"system:serviceaccount:{subject.TextAt("namespace")}:{subject.TextAt("name")}",
        _ => false,
    };

    private IEnumerable<JsonObject> Rules((JsonNode? Role, string Namespace) binding)
    {
        var bucket = binding.Role.TextAt("kind") == "Role" ? $"{RbacGroup}/roles" : $"{RbacGroup}/clusterroles";
        var ns = binding.Role.TextAt("kind") == "Role" ? binding.Namespace : "";
        return server.Store.Find(bucket, ns, binding.Role.TextAt("name") ?? "")?.Thaw("", "").ObjectsAt("rules") ?? [];
    }

    private static bool Covers(JsonObject rule, AccessRequest access)
    {
        var resource = access.Subresource.Length == 0 ? access.Resource : $"{access.Resource}/{access.Subresource}";
        return Has(rule, "verbs", access.Verb)
            && Has(rule, "apiGroups", access.Group)
            && (Has(rule, "resources", resource) || (access.Subresource.Length > 0 && Has(rule, "resources", $"*/{access.Subresource}")))
            && (rule["resourceNames"] is not JsonArray { Count: > 0 } || Has(rule, "resourceNames", access.Name));
    }

    private static bool Has(JsonObject rule, string list, string value) =>
        rule[list] is JsonArray items && items.Any(item => item?.GetValue<string>() is { } text && (text == "*" || text == value));
}
