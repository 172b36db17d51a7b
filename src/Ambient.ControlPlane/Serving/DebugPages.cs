using System.Net;
using System.Text;
using System.Text.Json;
using Ambient.Telemetry.Servers;
using Ambient.Xds.Delta;
using Google.Protobuf;

namespace Ambient.ControlPlane.Serving;

/// <summary>Pages that show what the control plane holds. Only who is on the same machine may look.</summary>
internal static class DebugPages
{
    public const string Version = "0.1.0";

    public static PageServer Add(PageServer server, MeshFeed feed, ResourceStore store, DeltaServer streams) => server
        .Get("/version", "the version", context => PageServer.AnswerAsync(context, 200, Version + "\n"))
        .Get("/debug/ambientz", "workloads, services and policies as proxies get them", Local(() => Mesh(feed, store)))
        .Get("/debug/waypointz", "what each waypoint gets beside that: itself, services, policies", Local(() => Waypoints(store)))
        .Get("/debug/syncz", "what each proxy was sent, and whether it took it", Local(() => Streams(streams)));

    private static Func<PageContext, Task> Local(Func<string> page) => context =>
        context.RemoteAddress is var from && IPAddress.IsLoopback(from.IsIPv4MappedToIPv6 ? from.MapToIPv4() : from)
            ? PageServer.AnswerAsync(context, 200, page(), "application/json")
            : PageServer.AnswerAsync(context, 403, "Debug pages are for callers on the same machine: forward a port to it.\n");

    private static string Mesh(MeshFeed feed, ResourceStore store)
    {
        var addresses = feed.Addresses.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => entry.Value).ToArray();
        var policies = store.Current[ResourceTypes.Authorization]
            .OrderBy(entry => entry.Key, StringComparer.Ordinal)
            .Select(entry => (IMessage)Api.Security.Authorization.Parser.ParseFrom(entry.Value.Value));
        var text = new StringBuilder("{\"workloads\":[");
        Append(text, addresses.Select(address => address.Workload).OfType<IMessage>());
        text.Append("],\"services\":[");
        Append(text, addresses.Select(address => address.Service).OfType<IMessage>());
        text.Append("],\"policies\":[");
        Append(text, policies);
        return text.Append("]}\n").ToString();
    }

    private static string Waypoints(ResourceStore store)
    {
        var now = store.Current;
        var all = new (string Type, string Kind, MessageParser Parser)[]
        {
            (ResourceTypes.Waypoint, "waypoint", Api.Waypoints.Waypoint.Parser),
            (ResourceTypes.WaypointService, "services", Api.Waypoints.Service.Parser),
            (ResourceTypes.WaypointAuthorization, "policies", Api.Waypoints.Authorization.Parser),
        }.SelectMany(type => now[type.Type].Values.Select(resource => (Waypoint: resource.Scope.Name, type.Kind, Message: type.Parser.ParseFrom(resource.Value))));
        var text = new StringBuilder("{");
        foreach (var (waypoint, index) in all.GroupBy(resource => resource.Waypoint).OrderBy(group => group.Key, StringComparer.Ordinal).Select((waypoint, index) => (waypoint, index)))
        {
            text.Append(index == 0 ? "\"" : ",\"").Append(waypoint.Key).Append("\":{");
            text.AppendJoin(',', waypoint.GroupBy(resource => resource.Kind).Select(kind =>
                $"\"{kind.Key}\":[{string.Join(',', kind.Select(resource => JsonFormatter.Default.Format(resource.Message)).Order(StringComparer.Ordinal))}]"));
            text.Append('}');
        }

        return text.Append("}\n").ToString();
    }

    private static void Append(StringBuilder text, IEnumerable<IMessage> messages) =>
        text.AppendJoin(',', messages.Select(message => JsonFormatter.Default.Format(message)));

    private static string Streams(DeltaServer streams)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartArray();
            foreach (var status in streams.Status)
            {
                json.WriteStartObject();
                json.WriteString("proxy", status.NodeId);
                json.WriteString("peer", status.Peer);
                json.WriteString("typeUrl", status.TypeUrl);
                json.WriteNumber("generation", status.Generation);
                json.WriteBoolean("acknowledged", status.Acknowledged);
                json.WriteString("rejection", status.Rejection);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }
}
