namespace Ambient.Sandbox.Images;

/// <summary>
/// Where the mesh's own programs are: beside this one in an installation, in the sibling folders of the build output in a checkout.
/// </summary>
public static class Programs
{
    /// <summary>This command line.</summary>
    public static string Cli { get; } = Locate("Ambient.Cli");
    /// <summary>The node proxy.</summary>
    public static string Ztunnel { get; } = Locate("Ambient.Ztunnel");
    /// <summary>The waypoint.</summary>
    public static string Waypoint { get; } = Locate("Ambient.Waypoint");
    /// <summary>The node agent and CNI plugin.</summary>
    public static string NodeAgent { get; } = Locate("Ambient.NodeAgent");
    /// <summary>The control plane.</summary>
    public static string ControlPlane { get; } = Locate("Ambient.ControlPlane");

    /// <summary>The programs that the mesh needs and that are not there; empty when all are.</summary>
    public static IReadOnlyList<string> Missing() =>
        [.. new[] { Cli, Ztunnel, Waypoint, NodeAgent, ControlPlane }.Where(program => !File.Exists(program))];

    private static string Locate(string name)
    {
        var here = new DirectoryInfo(AppContext.BaseDirectory);

        // .artifacts/bin/PROJECT/CONFIGURATION/: the configuration of this process decides. It goes first, because a build may copy a
        // program's launcher, without the program, beside a project that refers to it.
        var sibling = here.Parent?.Parent is { } output ? Path.Combine(output.FullName, name, here.Name, name) : null;
        return File.Exists(sibling) ? sibling : Path.Combine(here.FullName, name);
    }
}
