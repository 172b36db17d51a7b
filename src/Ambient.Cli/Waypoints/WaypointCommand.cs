using System.CommandLine;
using Ambient.Cli.Clusters;

namespace Ambient.Cli.Waypoints;

/// <summary><c>ambientctl waypoint</c>: the proxies that treat requests.</summary>
internal static class WaypointCommand
{
    public static Command Build()
    {
        var cluster = new ClusterOptions();
        var command = new Command("waypoint", """
            Make, list and remove waypoints: the proxies that route, authorize and count requests.

            Examples:
              ambientctl waypoint apply -n shop --enroll-namespace --wait       # for all services of a namespace
              ambientctl waypoint apply -n shop --name guard --service-account catalog --wait
              ambientctl waypoint generate --for all | kubectl apply -n shop -f -
              ambientctl waypoint list -A
              ambientctl waypoint status -n shop
              ambientctl waypoint delete -n shop waypoint
            """)
        {
            BuildGenerate(cluster),
            BuildApply(cluster),
            BuildList(cluster),
            BuildStatus(cluster),
            BuildDelete(cluster),
        };
        cluster.AddTo(command);
        return command;
    }

    private static Command BuildGenerate(ClusterOptions cluster)
    {
        var (name, traffic, account, revision) = (WaypointOptions.Name(), WaypointOptions.For(), WaypointOptions.ServiceAccount(), WaypointOptions.Revision());
        var command = new Command("generate", """
            Print a waypoint's Gateway as YAML; asks no cluster.

            Examples:
              ambientctl waypoint generate -n shop
              ambientctl waypoint generate --for workload | kubectl apply -n shop -f -
            """) { name, traffic, account, revision };
        command.SetAction((parsed, _) => Guard.RunAsync(() =>
        {
            var gateway = new WaypointGateway(parsed.GetValue(name)!, parsed.GetValue(traffic), parsed.GetValue(revision), parsed.GetValue(account));
            Check(gateway);
            Console.Write(gateway.Yaml(cluster.NamespaceOf(parsed)));
            return Task.FromResult(0);
        }));
        return command;
    }

    private static Command BuildApply(ClusterOptions cluster)
    {
        var (name, traffic, account, revision) = (WaypointOptions.Name(), WaypointOptions.For(), WaypointOptions.ServiceAccount(), WaypointOptions.Revision());
        var wait = new Option<bool>("--wait", "-w") { Description = "Wait until it takes traffic." };
        var timeout = WaypointOptions.Timeout();
        var enroll = new Option<bool>("--enroll-namespace") { Description = "Label the namespace, so that its services, or with --for its workloads, use the waypoint." };
        var overwrite = new Option<bool>("--overwrite") { Description = "Replace the waypoint that the namespace names, and settings of the Gateway that somebody else made." };
        var command = new Command("apply", """
            Make a waypoint, or change the one of that name.

            Examples:
              ambientctl waypoint apply -n shop --enroll-namespace --wait
              ambientctl waypoint apply -n shop --name guard --service-account catalog
              ambientctl waypoint apply -n shop --for all --wait --waypoint-timeout 30s
            """) { name, traffic, account, revision, enroll, overwrite, wait, timeout };
        command.SetAction((parsed, ct) => cluster.RunAsync(parsed, client =>
        {
            var gateway = new WaypointGateway(parsed.GetValue(name)!, parsed.GetValue(traffic), parsed.GetValue(revision), parsed.GetValue(account));
            Check(gateway);
            if (gateway.ServiceAccount is not null && parsed.GetValue(enroll))
            {
                throw new CliException("--service-account binds the waypoint to one account, --enroll-namespace to all that the namespace has. Give one of the two.");
            }

            return new WaypointApply(client, gateway).RunAsync(
                parsed.GetValue(enroll), parsed.GetValue(overwrite), parsed.GetValue(wait) ? parsed.GetValue(timeout) ?? WaypointOptions.UsualTimeout : null, ct);
        }));
        return command;
    }

    private static Command BuildList(ClusterOptions cluster)
    {
        var all = WaypointOptions.AllNamespaces();
        var command = new Command("list", """
            List waypoints, with the traffic that they take.

            Examples:
              ambientctl waypoint list -n shop
              ambientctl waypoint list -A
            """) { all };
        command.Aliases.Add("ls");
        command.SetAction((parsed, ct) => cluster.RunAsync(parsed, client => WaypointViews.ListAsync(client, parsed.GetValue(all), ct)));
        return command;
    }

    private static Command BuildStatus(ClusterOptions cluster)
    {
        var all = WaypointOptions.AllNamespaces();
        var names = new Argument<string[]>("NAME") { Description = "Only these waypoints.", Arity = ArgumentArity.ZeroOrMore };
        var wait = new Option<bool>("--wait", "-w") { Description = "Wait until they are ready; --wait=false shows what is so now.", DefaultValueFactory = _ => true };
        var timeout = WaypointOptions.Timeout();
        var command = new Command("status", """
            Show the conditions of waypoints, one row each. Exits with 1 if one is not ready in time.

            Examples:
              ambientctl waypoint status -n shop
              ambientctl waypoint status -A --wait=false
            """) { names, all, wait, timeout };
        command.SetAction((parsed, ct) => cluster.RunAsync(parsed, client => WaypointViews.StatusAsync(
            client, parsed.GetValue(names)!, parsed.GetValue(all), parsed.GetValue(wait) ? parsed.GetValue(timeout) ?? WaypointOptions.UsualTimeout : TimeSpan.Zero, ct)));
        return command;
    }

    private static Command BuildDelete(ClusterOptions cluster)
    {
        var names = new Argument<string[]>("NAME") { Description = "The waypoints.", Arity = ArgumentArity.ZeroOrMore };
        var all = new Option<bool>("--all") { Description = "All waypoints of the namespace." };
        var revision = WaypointOptions.Revision();
        var command = new Command("delete", """
            Delete waypoints, and what was deployed for them.

            Examples:
              ambientctl waypoint delete -n shop waypoint
              ambientctl waypoint delete -n shop --all
            """) { names, all, revision };
        command.SetAction((parsed, ct) => cluster.RunAsync(parsed, client =>
            WaypointDelete.RunAsync(client, parsed.GetValue(names)!, parsed.GetValue(all), parsed.GetValue(revision), ct)));
        return command;
    }

    private static void Check(WaypointGateway gateway)
    {
        if (gateway.Complaint is { } complaint)
        {
            throw new CliException(complaint);
        }
    }
}
