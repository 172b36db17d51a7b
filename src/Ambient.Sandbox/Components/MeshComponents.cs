using System.Text.Json.Nodes;
using Ambient.Kubernetes;

namespace Ambient.Sandbox.Components;

/// <summary>The manifests of the mesh's own components.</summary>
internal static class MeshComponents
{
    /// <summary>The namespace that they live in.</summary>
    public const string Namespace = "istio-system";

    /// <summary>The CNI plugin that the node agent adds to a node's chain.</summary>
    public const string Plugin = "istio-cni";

    /// <summary>The manifests for one sandbox.</summary>
    public static IReadOnlyList<JsonObject> Manifests(string runFolder)
    {
        using var stream = typeof(MeshComponents).Assembly.GetManifestResourceStream("Ambient.Sandbox.Components.mesh.yaml")!;
        using var reader = new StreamReader(stream);
        return Kubernetes.Manifests.Parse(reader.ReadToEnd().Replace("${RUN}", runFolder, StringComparison.Ordinal), "mesh.yaml");
    }
}
