using System.CommandLine;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Ambient.Cli.Waypoints;

/// <summary>The options that several of the waypoint commands share.</summary>
internal static partial class WaypointOptions
{
    public static Option<string> Name() => new("--name")
    {
        Description = "The waypoint's name.",
        DefaultValueFactory = _ => "waypoint",
        HelpName = "NAME",
    };

    public static Option<string?> For() => new("--for")
    {
        Description = "The traffic that it takes: service, workload (what is addressed to a pod itself), all or none. The control plane's default if not given: service; with --service-account: all.",
        HelpName = "TRAFFIC",
    };

    public static Option<string?> ServiceAccount() => new("--service-account")
    {
        Description = "Bind it to one service account of its namespace: to every workload that runs as it, and every service of which all endpoints do.",
        HelpName = "NAME",
    };

    public static Option<string?> Revision() => new("--revision", "-r")
    {
        Description = "The revision of the control plane that deploys it.",
        HelpName = "REVISION",
    };

    public static Option<bool> AllNamespaces() => new("--all-namespaces", "-A") { Description = "In all namespaces." };

    /// <summary>What a start takes on a busy cluster that has to pull the image first.</summary>
    public static readonly TimeSpan UsualTimeout = TimeSpan.FromSeconds(90);

    public static Option<TimeSpan?> Timeout()
    {
        var option = new Option<TimeSpan?>("--waypoint-timeout")
        {
            Description = "How long to wait for readiness, for example 30s or 1m30s; 90s if not given.",
            HelpName = "DURATION",
            CustomParser = result =>
            {
                var text = result.Tokens[0].Value;
                if (Duration().Match(text) is { Success: true } match)
                {
                    return match.Groups["part"].Captures.Zip(match.Groups["unit"].Captures, (number, unit) =>
                        double.Parse(number.ValueSpan, NumberStyles.Float, CultureInfo.InvariantCulture) * Unit(unit.Value)).Aggregate(TimeSpan.Zero, (sum, span) => sum + span);
                }

                result.AddError($"--waypoint-timeout {text}: write numbers with units, for example 30s or 1m30s.");
                return default;
            },
        };
        return option;
    }

    private static TimeSpan Unit(string unit) => unit switch
    {
        "h" => TimeSpan.FromHours(1),
        "m" => TimeSpan.FromMinutes(1),
        "s" => TimeSpan.FromSeconds(1),
        _ => TimeSpan.FromMilliseconds(1),
    };

    [GeneratedRegex(@"^(?:(?<part>[0-9]{1,6}(?:\.[0-9]+)?)(?<unit>h|ms|m|s))+$")]
    private static partial Regex Duration();
}
