using Ambient.ApiServer.Kinds;

namespace Ambient.ApiServer.Http;

/// <summary>What a path below /api or /apis asks for.</summary>
/// <param name="Group">The group; empty for core.</param>
/// <param name="Version">The version; empty for a list of versions.</param>
/// <param name="Namespace">The namespace; null when none is named.</param>
/// <param name="Plural">The resource; null for discovery.</param>
/// <param name="Name">The object; null for a collection.</param>
/// <param name="Subresource">The part; null for the object.</param>
internal sealed record RequestInfo(string Group, string Version, string? Namespace, string? Plural, string? Name, string? Subresource)
{
    public static RequestInfo? Parse(string path)
    {
        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        return parts switch
        {
            ["api", var version, .. var rest] => Resource("", version, rest),
            ["apis", var group, var version, .. var rest] => Resource(group, version, rest),
            _ => null,
        };
    }

    private static RequestInfo Resource(string group, string version, string[] rest) => rest switch
    {
        [] => new(group, version, null, null, null, null),
        ["namespaces", var name, "status" or "finalize"] when group.Length == 0 => new(group, version, name, "namespaces", name, rest[2]),
        ["namespaces", var ns, var plural, .. var more] => new(group, version, ns, plural, At(more, 0), Tail(more)),
        ["namespaces", var name] when group.Length == 0 => new(group, version, name, "namespaces", name, null),
        [var plural, .. var more] => new(group, version, null, plural, At(more, 0), Tail(more)),
    };

    private static string? At(string[] parts, int index) => parts.Length > index ? Uri.UnescapeDataString(parts[index]) : null;

    private static string? Tail(string[] parts) => parts.Length > 1 ? parts[1] : null;
}

/// <summary>A request for a resource, its kind found and its user known.</summary>
/// <param name="Server">The server.</param>
/// <param name="Http">The request.</param>
/// <param name="Type">The kind.</param>
/// <param name="Info">The path.</param>
/// <param name="User">Who asks.</param>
internal sealed record ResourceRequest(
    ServerState Server, Microsoft.AspNetCore.Http.HttpContext Http, ResourceType Type, RequestInfo Info, Auth.User User)
{
    public string Namespace => Type.Namespaced ? Info.Namespace ?? "" : "";

    public string Name => Info.Name ?? "";

    public string? Query(string name) => Http.Request.Query.TryGetValue(name, out var value) ? value.ToString() : null;

    public bool IsDryRun => Query("dryRun") is { Length: > 0 };

    /// <summary>The field manager: as given, or the program's name in the User-Agent.</summary>
    public string FieldManager
    {
        get
        {
            if (Query("fieldManager") is { Length: > 0 } named)
            {
                return named;
            }

            var agent = Http.Request.Headers.UserAgent.ToString();
            var program = agent.Split('/', ' ')[0];
            return program.Length > 0 ? program : "unknown";
        }
    }

    public ApiException NotFound() => Refusal.NotFound(Type.Group, Type.Plural, Name);
}
