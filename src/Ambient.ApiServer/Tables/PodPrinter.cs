using System.Text.Json.Nodes;

namespace Ambient.ApiServer.Tables;

/// <summary>Pods, with the status that sums up phase and containers.</summary>
internal static class PodPrinter
{
    public static IEnumerable<JsonNode?> Cells(JsonObject body, DateTimeOffset now)
    {
        var containers = body.ObjectsAt("spec", "containers").Count();
        var statuses = body.ObjectsAt("status", "containerStatuses").ToList();
        var ready = statuses.Count(status => (bool?)status["ready"] == true);
        var restarts = statuses.Sum(status => status.NumberAt("restartCount") ?? 0);
        return
        [
            CorePrinters.Name(body), $"{ready}/{containers}", Reason(body, statuses), Restarts(restarts, statuses, now),
            CorePrinters.Age(body, now), Or(body.TextAt("status", "podIP")), Or(body.TextAt("spec", "nodeName")),
            Or(body.TextAt("status", "nominatedNodeName")), Gates(body),
        ];
    }

    private static string Or(string? text) => string.IsNullOrEmpty(text) ? "<none>" : text;

    private static string Reason(JsonObject body, List<JsonObject> statuses)
    {
        var reason = body.TextAt("status", "reason") is { Length: > 0 } given ? given : body.TextAt("status", "phase") ?? "";
        if (Initializing(body) is { } initializing)
        {
            reason = initializing;
        }
        else
        {
            var running = false;
            foreach (var status in Enumerable.Reverse(statuses))
            {
                if (status.TextAt("state", "waiting", "reason") is { Length: > 0 } waiting)
                {
                    reason = waiting;
                }
                else if (status.At("state", "terminated") is JsonObject ended)
                {
                    reason = Ended(ended);
                }
                else if ((bool?)status["ready"] == true && status.At("state", "running") is not null)
                {
                    running = true;
                }
            }

            if (reason == "Completed" && running)
            {
                reason = body.ObjectsAt("status", "conditions").Any(item => item.TextAt("type") == "Ready" && item.TextAt("status") == "True")
                    ? "Running"
                    : "NotReady";
            }
        }

        if (body.At("metadata", "deletionTimestamp") is not null)
        {
            return body.TextAt("status", "reason") == "NodeLost" ? "Unknown" : "Terminating";
        }

        return reason;
    }

    private static string? Initializing(JsonObject body)
    {
        var statuses = body.ObjectsAt("status", "initContainerStatuses").ToList();
        var restartable = body.ObjectsAt("spec", "initContainers")
            .Where(container => container.TextAt("restartPolicy") == "Always").Select(container => container.TextAt("name")).ToHashSet();
        var total = body.ObjectsAt("spec", "initContainers").Count();
        for (var index = 0; index < statuses.Count; index++)
        {
            var state = statuses[index].At("state");
            if (state.NumberAt("terminated", "exitCode") == 0
                || (restartable.Contains(statuses[index].TextAt("name")) && (bool?)statuses[index]["started"] == true))
            {
                continue;
            }

            if (state.At("terminated") is JsonObject ended)
            {
                return $"Init:{Ended(ended)}";
            }

            return state.TextAt("waiting", "reason") is { Length: > 0 } reason && reason != "PodInitializing"
                ? $"Init:{reason}"
                : $"Init:{index}/{total}";
        }

        return null;
    }

    private static string Ended(JsonObject ended)
    {
        if (ended.TextAt("reason") is { Length: > 0 } reason)
        {
            return reason;
        }

        return ended.NumberAt("signal") is { } signal and > 0 ? $"Signal:{signal}" : $"ExitCode:{ended.NumberAt("exitCode")}";
    }

    private static string Restarts(long restarts, List<JsonObject> statuses, DateTimeOffset now)
    {
        var last = statuses.Select(status => status.TextAt("lastState", "terminated", "finishedAt")).OfType<string>()
            .OrderDescending(StringComparer.Ordinal).FirstOrDefault();
        return restarts > 0 && last is not null ? $"{restarts} ({Ages.Since(last, now)} ago)" : restarts.ToString();
    }

    private static string Gates(JsonObject body)
    {
        var gates = body.ObjectsAt("spec", "readinessGates").Select(gate => gate.TextAt("conditionType")).ToList();
        var met = gates.Count(gate => body.ObjectsAt("status", "conditions")
            .Any(item => item.TextAt("type") == gate && item.TextAt("status") == "True"));
        return gates.Count == 0 ? "<none>" : $"{met}/{gates.Count}";
    }
}

/// <summary>Nodes.</summary>
internal static class NodePrinter
{
    private const string RolePrefix = "node-role.kubernetes.io/";

    public static IEnumerable<JsonNode?> Cells(JsonObject body, DateTimeOffset now)
    {
        var ready = body.ObjectsAt("status", "conditions").FirstOrDefault(item => item.TextAt("type") == "Ready")?.TextAt("status");
        var status = ready switch { "True" => "Ready", "False" or "Unknown" => "NotReady", _ => "Unknown" };
        if ((bool?)body.At("spec", "unschedulable") == true)
        {
            status += ",SchedulingDisabled";
        }

        var roles = (body.At("metadata", "labels") as JsonObject ?? [])
            .Where(label => label.Key.StartsWith(RolePrefix, StringComparison.Ordinal) && label.Key.Length > RolePrefix.Length)
            .Select(label => label.Key[RolePrefix.Length..]).Order(StringComparer.Ordinal).ToList();
        return
        [
            CorePrinters.Name(body), status, roles.Count == 0 ? "<none>" : string.Join(',', roles), CorePrinters.Age(body, now),
            body.TextAt("status", "nodeInfo", "kubeletVersion") ?? "", Address(body, "InternalIP"), Address(body, "ExternalIP"),
            Info(body, "osImage"), Info(body, "kernelVersion"), Info(body, "containerRuntimeVersion"),
        ];
    }

    private static string Address(JsonObject body, string type) =>
        body.ObjectsAt("status", "addresses").FirstOrDefault(item => item.TextAt("type") == type)?.TextAt("address") ?? "<none>";

    private static string Info(JsonObject body, string field) =>
        body.TextAt("status", "nodeInfo", field) is { Length: > 0 } text ? text : "<unknown>";
}

/// <summary>Events.</summary>
internal static class EventPrinter
{
    public static IEnumerable<JsonNode?> Cells(JsonObject body, DateTimeOffset now)
    {
        var about = body["involvedObject"] ?? body["regarding"];
        var first = body.TextAt("firstTimestamp") ?? body.TextAt("deprecatedFirstTimestamp") ?? body.TextAt("eventTime");
        var last = body.TextAt("series", "lastObservedTime") ?? body.TextAt("lastTimestamp") ?? body.TextAt("deprecatedLastTimestamp") ?? first;
        var component = body.TextAt("source", "component") ?? body.TextAt("reportingComponent") ?? "";
        var host = body.TextAt("source", "host");
        return
        [
            Ages.Since(last, now), body.TextAt("type"), body.TextAt("reason"),
            $"{about.TextAt("kind")?.ToLowerInvariant()}/{about.TextAt("name")}", about.TextAt("fieldPath") ?? "",
            string.IsNullOrEmpty(host) ? component : $"{component}, {host}",
            (body.TextAt("message") ?? body.TextAt("note") ?? "").Trim(), Ages.Since(first, now),
            body.NumberAt("series", "count") ?? body.NumberAt("count") ?? body.NumberAt("deprecatedCount") ?? 1, CorePrinters.Name(body),
        ];
    }
}
