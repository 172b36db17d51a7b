using Ambient.Api.Kubernetes;

namespace Ambient.ControlPlane.Policies;

/// <summary>Which parts of a rule need HTTP, and so a waypoint, to be evaluated.</summary>
internal static class RuleAttributes
{
    private static readonly string[] LayerFourKeys =
        ["source.ip", "source.namespace", "source.principal", "destination.ip", "destination.port"];

    private static readonly string[] OtherKeys =
        ["remote.ip", "source.serviceAccount", "source.trustDomain", "connection.sni", "request.auth.principal",
         "request.auth.audiences", "request.auth.presenter"];

    private static readonly string[] MapKeys = ["request.headers[", "request.auth.claims[", "experimental.envoy.filters."];

    /// <summary>Whether a condition's key can be decided from the connection alone.</summary>
    public static bool IsLayerFour(string? key) => LayerFourKeys.Contains(key);

    /// <summary>Whether a condition's key is one that policies may use at all.</summary>
    public static bool IsKnown(string key) =>
        IsLayerFour(key) || OtherKeys.Contains(key) || MapKeys.Any(prefix => key.StartsWith(prefix, StringComparison.Ordinal));

    /// <summary>The fields of a source that a node proxy cannot evaluate.</summary>
    public static IEnumerable<string> Unsupported(RuleSource source)
    {
        if (source.RequestPrincipals is { Count: > 0 })
        {
            yield return "from.source.requestPrincipals";
        }

        if (source.NotRequestPrincipals is { Count: > 0 })
        {
            yield return "from.source.notRequestPrincipals";
        }

        if (source.RemoteIpBlocks is { Count: > 0 })
        {
            yield return "from.source.remoteIpBlocks";
        }

        if (source.NotRemoteIpBlocks is { Count: > 0 })
        {
            yield return "from.source.notRemoteIpBlocks";
        }

        if (source.TrustDomains is { Count: > 0 } && TrustDomains.AsPrincipals(source) is null)
        {
            yield return "from.source.trustDomains";
        }

        if (source.NotTrustDomains is { Count: > 0 } && TrustDomains.AsNotPrincipals(source) is null)
        {
            yield return "from.source.notTrustDomains";
        }
    }

    /// <summary>The fields of an operation that a node proxy cannot evaluate.</summary>
    public static IEnumerable<string> Unsupported(RuleOperation operation)
    {
        (string Name, IReadOnlyList<string>? Values)[] fields =
        [
            ("hosts", operation.Hosts), ("notHosts", operation.NotHosts), ("methods", operation.Methods),
            ("notMethods", operation.NotMethods), ("paths", operation.Paths), ("notPaths", operation.NotPaths),
        ];
        return fields.Where(field => field.Values is { Count: > 0 }).Select(field => "to.operation." + field.Name);
    }
}
