using System.Text.Json.Nodes;

namespace Ambient.ApiServer.Tables;

/// <summary>Printers of the built-in kinds.</summary>
internal static class CorePrinters
{
    private static readonly Dictionary<string, IPrinter> Known = new(StringComparer.Ordinal)
    {
        ["/namespaces"] = new Printer("Name*|Status|Age", Namespace),
        ["/configmaps"] = new Printer("Name*|Data|Age", (body, now) => [Name(body), Count(body, "data") + Count(body, "binaryData"), Age(body, now)]),
        ["/secrets"] = new Printer("Name*|Type|Data|Age", (body, now) => [Name(body), body.TextAt("type"), Count(body, "data"), Age(body, now)]),
        ["/serviceaccounts"] = new Printer("Name*|Secrets|Age", (body, now) => [Name(body), body.ObjectsAt("secrets").Count(), Age(body, now)]),
        ["/services"] = new Printer("Name*|Type|Cluster-IP|External-IP|Port(s)|Age|Selector+", Service),
        ["/pods"] = new Printer("Name*|Ready|Status|Restarts|Age|IP+|Node+|Nominated Node+|Readiness Gates+", PodPrinter.Cells),
        ["/nodes"] = new Printer("Name*|Status|Roles|Age|Version|Internal-IP+|External-IP+|OS-Image+|Kernel-Version+|Container-Runtime+", NodePrinter.Cells),
        ["/events"] = new Printer("Last Seen|Type|Reason|Object|Subobject+|Source+|Message|First Seen+|Count+|Name*+", EventPrinter.Cells),
        ["/endpoints"] = new Printer("Name*|Endpoints|Age", (body, now) => [Name(body), EndpointText(body), Age(body, now)]),
        ["apps/deployments"] = new Printer("Name*|Ready|Up-to-date|Available|Age|Containers+|Images+|Selector+", Deployment),
        ["apps/replicasets"] = new Printer("Name*|Desired|Current|Ready|Age|Containers+|Images+|Selector+", ReplicaSet),
        ["apps/daemonsets"] = new Printer("Name*|Desired|Current|Ready|Up-to-date|Available|Node Selector|Age|Containers+|Images+|Selector+", DaemonSet),
        ["apps/statefulsets"] = new Printer("Name*|Ready|Age|Containers+|Images+", StatefulSet),
        ["coordination.k8s.io/leases"] = new Printer("Name*|Holder|Age", (body, now) => [Name(body), body.TextAt("spec", "holderIdentity") ?? "", Age(body, now)]),
        ["discovery.k8s.io/endpointslices"] = new Printer("Name*|AddressType|Ports|Endpoints|Age", Slice),
        ["apiextensions.k8s.io/customresourcedefinitions"] = new Printer(
            "Name*|Created At", (body, _) => [Name(body), body.TextAt("metadata", "creationTimestamp")], "date"),
    };

    public static IPrinter? For(string group, string plural) => Known.GetValueOrDefault($"{group}/{plural}");

    internal static JsonNode? Name(JsonObject body) => body.TextAt("metadata", "name");

    internal static JsonNode? Age(JsonObject body, DateTimeOffset now) => Ages.Since(body.TextAt("metadata", "creationTimestamp"), now);

    internal static int Count(JsonObject body, string map) => (body[map] as JsonObject)?.Count ?? 0;

    internal static string Labels(JsonNode? labels) =>
        labels is JsonObject { Count: > 0 } map ? string.Join(',', map.Select(entry => $"{entry.Key}={entry.Value}").Order(StringComparer.Ordinal)) : "<none>";

    private static string Selector(JsonNode? selector)
    {
        var parts = new List<string>();
        if (selector.At("matchLabels") is JsonObject { Count: > 0 } labels)
        {
            parts.Add(Labels(labels));
        }

        foreach (var expression in selector.ObjectsAt("matchExpressions"))
        {
            var values = string.Join(',', (expression["values"] as JsonArray)?.Select(value => value?.ToString()) ?? []);
            parts.Add(expression.TextAt("operator") switch
            {
                "In" => $"{expression.TextAt("key")} in ({values})",
                "NotIn" => $"{expression.TextAt("key")} notin ({values})",
                "Exists" => expression.TextAt("key") ?? "",
                _ => $"!{expression.TextAt("key")}",
            });
        }

        return parts.Count == 0 ? "<none>" : string.Join(',', parts);
    }

    private static string Containers(JsonObject body, string field) =>
        string.Join(',', body.At("spec", "template").ObjectsAt("spec", "containers").Select(item => item.TextAt(field)));

    private static long Status(JsonObject body, string field) => body.NumberAt("status", field) ?? 0;

    private static JsonNode?[] Namespace(JsonObject body, DateTimeOffset now) =>
        [Name(body), body.TextAt("status", "phase"), Age(body, now)];

    private static JsonNode?[] Deployment(JsonObject body, DateTimeOffset now) =>
    [
        Name(body), $"{Status(body, "readyReplicas")}/{body.NumberAt("spec", "replicas")}", Status(body, "updatedReplicas"),
        Status(body, "availableReplicas"), Age(body, now), Containers(body, "name"), Containers(body, "image"), Selector(body.At("spec", "selector")),
    ];

    private static JsonNode?[] ReplicaSet(JsonObject body, DateTimeOffset now) =>
    [
        Name(body), body.NumberAt("spec", "replicas") ?? 0, Status(body, "replicas"), Status(body, "readyReplicas"), Age(body, now),
        Containers(body, "name"), Containers(body, "image"), Selector(body.At("spec", "selector")),
    ];

    private static JsonNode?[] DaemonSet(JsonObject body, DateTimeOffset now) =>
    [
        Name(body), Status(body, "desiredNumberScheduled"), Status(body, "currentNumberScheduled"), Status(body, "numberReady"),
        Status(body, "updatedNumberScheduled"), Status(body, "numberAvailable"),
        Labels(body.At("spec", "template", "spec", "nodeSelector")), Age(body, now), Containers(body, "name"), Containers(body, "image"),
        Selector(body.At("spec", "selector")),
    ];

    private static JsonNode?[] StatefulSet(JsonObject body, DateTimeOffset now) =>
    [
        Name(body), $"{Status(body, "readyReplicas")}/{body.NumberAt("spec", "replicas")}", Age(body, now),
        Containers(body, "name"), Containers(body, "image"),
    ];

    private static JsonNode?[] Service(JsonObject body, DateTimeOffset now)
    {
        var spec = body.Child("spec");
        var ports = spec.ObjectsAt("ports").Select(port => port.NumberAt("nodePort") is { } node and > 0
            ? $"{port.NumberAt("port")}:{node}/{port.TextAt("protocol")}"
            : $"{port.NumberAt("port")}/{port.TextAt("protocol")}");
        var type = spec.TextAt("type");
        var address = string.IsNullOrEmpty(spec.TextAt("clusterIP")) ? "<none>" : spec.TextAt("clusterIP");
        return
        [
            Name(body), type, address, External(body, type), string.Join(',', ports) is { Length: > 0 } text ? text : "<none>",
            Age(body, now), Labels(spec["selector"]),
        ];
    }

    private static string External(JsonObject body, string? type)
    {
        if (type == "ExternalName")
        {
            return body.TextAt("spec", "externalName") ?? "";
        }

        var addresses = (body.At("spec", "externalIPs") as JsonArray)?.Select(item => item?.GetValue<string>() ?? "").ToList() ?? [];
        addresses.AddRange(body.At("status", "loadBalancer").ObjectsAt("ingress").Select(entry => entry.TextAt("ip") ?? entry.TextAt("hostname") ?? ""));
        return addresses.Count > 0 ? string.Join(',', addresses) : type == "LoadBalancer" ? "<pending>" : "<none>";
    }

    private static JsonNode?[] Slice(JsonObject body, DateTimeOffset now)
    {
        var ports = body.ObjectsAt("ports").Select(port => port.NumberAt("port")?.ToString() ?? "*").ToList();
        var endpoints = body.ObjectsAt("endpoints")
            .SelectMany(endpoint => endpoint["addresses"] as JsonArray ?? []).Select(address => address?.GetValue<string>() ?? "").ToList();
        return [Name(body), body.TextAt("addressType"), Shortened(ports, "<unset>"), Shortened(endpoints, "<unset>"), Age(body, now)];
    }

    private static string Shortened(List<string> items, string none) => items.Count switch
    {
        0 => none,
        <= 3 => string.Join(',', items),
        _ => $"{string.Join(',', items.Take(3))} + {items.Count - 3} more...",
    };

    private static string EndpointText(JsonObject body)
    {
        var all = body.ObjectsAt("subsets").SelectMany(subset => subset.ObjectsAt("addresses").SelectMany(address =>
            subset.ObjectsAt("ports").Select(port => $"{address.TextAt("ip")}:{port.NumberAt("port")}"))).ToList();
        return Shortened(all, "<none>");
    }
}

/// <summary>A printer made from a row of names (<c>*</c> is the name's column, <c>+</c> only for wide output) and a function.</summary>
internal sealed class Printer(string columns, Func<JsonObject, DateTimeOffset, IEnumerable<JsonNode?>> cells, string lastType = "string") : IPrinter
{
    public IReadOnlyList<Column> Columns { get; } = Parse(columns, lastType);

    public IEnumerable<JsonNode?> Cells(JsonObject body, DateTimeOffset now) => cells(body, now);

    private static Column[] Parse(string columns, string lastType)
    {
        var parsed = columns.Split('|').Select(text => new Column(
            text.TrimEnd('*', '+'),
            Format: text.Contains('*') ? "name" : "",
            Priority: text.EndsWith('+') ? 1 : 0)).ToArray();
        parsed[^1] = parsed[^1] with { Type = lastType };
        return parsed;
    }
}
