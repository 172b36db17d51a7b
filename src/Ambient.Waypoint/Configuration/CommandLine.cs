namespace Ambient.Waypoint.Configuration;

/// <summary>
/// Arguments as the Deployment of a waypoint gives them: <c>proxy waypoint --domain … --serviceCluster …</c>. Who the waypoint is follows from the
/// environment, so the options say nothing new; they are taken so that the Deployments of other control planes work.
/// </summary>
internal static class CommandLine
{
    private static readonly string[] Options =
        ["--domain", "--serviceCluster", "--proxyLogLevel", "--proxyComponentLogLevel", "--log_output_level"];

    /// <summary>What is wrong with the arguments after <c>proxy</c>; null for nothing.</summary>
    public static string? Check(ReadOnlySpan<string> arguments)
    {
        if (arguments is [var role, ..] && !role.StartsWith('-'))
        {
            if (role != "waypoint")
            {
                return $"'{role}' is no role of this program; write: proxy waypoint";
            }

            arguments = arguments[1..];
        }

        for (var at = 0; at < arguments.Length; at++)
        {
            var name = arguments[at].Split('=')[0];
            if (!Options.Contains(name))
            {
                return $"'{arguments[at]}' is no option; the options are {string.Join(", ", Options)}";
            }

            if (name == arguments[at] && ++at == arguments.Length)
            {
                return $"{name} needs a value";
            }
        }

        return null;
    }
}
