namespace Ambient.Sandbox;

/// <summary>Every name that a sandbox leaves on the machine, derived from its id, so that what is left can be found by name alone.</summary>
internal static class Names
{
    /// <summary>Where iproute2 keeps named network namespaces.</summary>
    public const string NamespaceFolder = "/var/run/netns";

    /// <summary>The path of a named network namespace.</summary>
    public static string NamespacePath(string name) => $"{NamespaceFolder}/{name}";

    /// <summary>What the names of all network namespaces of a sandbox begin with.</summary>
    public static string NamespacePrefix(string id) => $"amb-{id}-";

    /// <summary>The namespace of the bridge that joins the nodes.</summary>
    public static string Fabric(string id) => NamespacePrefix(id) + "fabric";

    /// <summary>The namespace of a node.</summary>
    public static string Node(string id, string node) => NamespacePrefix(id) + node;

    /// <summary>The namespace of a pod; the uid keeps a pod apart from its namesake that is still ending.</summary>
    public static string Pod(string id, string ns, string name, string uid) =>
        $"{NamespacePrefix(id)}{ns}-{name}-{uid[..Math.Min(8, uid.Length)]}";

    /// <summary>The link of the machine itself to the bridge; link names hold 15 bytes.</summary>
    public static string HostLink(string id) => $"amb{id}";

    /// <summary>The control group that holds every process of a sandbox's pods.</summary>
    public static string ControlGroup(string id) => $"ambient-{id}";
}
