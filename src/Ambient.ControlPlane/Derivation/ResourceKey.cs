using Ambient.Api.Kubernetes;

namespace Ambient.ControlPlane.Derivation;

/// <summary>Keys of resources: <c>namespace/name</c>, or the name alone where a kind has no namespaces.</summary>
internal static class ResourceKey
{
    public static string Of(string? ns, string name) => string.IsNullOrEmpty(ns) ? name : $"{ns}/{name}";

    public static string Of(IResource resource) => Of(resource.Metadata.Namespace, resource.Metadata.Name);
}
