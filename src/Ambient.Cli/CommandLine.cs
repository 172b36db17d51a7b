using System.CommandLine;
using Ambient.Cli.Commands;
using Ambient.Cli.Explain;
using Ambient.Cli.Waypoints;

namespace Ambient.Cli;

/// <summary>The commands of <c>ambientctl</c>.</summary>
internal static class CommandLine
{
    public static RootCommand Build() => new("ambientctl: run, inspect and explain an Ambient service mesh.")
    {
        ExplainCommand.Build(),
        WaypointCommand.Build(),
        SandboxCommand.Build(),
        EchoCommand.Build(),
    };
}
