using System.Text.Json;
using Ambient.Waypoint.Requests.Upstreams;

namespace Ambient.Waypoint.Admin;

/// <summary>Writes what requests are sent to: what is in use of each upstream, and of its endpoints.</summary>
internal static class UpstreamDump
{
    public static void Write(Utf8JsonWriter json, UpstreamTable upstreams)
    {
        json.WriteStartArray("upstreams");
        foreach (var upstream in upstreams.All.OrderBy(upstream => upstream.ToString(), StringComparer.Ordinal))
        {
            json.WriteStartObject();
            json.WriteString("to", upstream.ToString());
            json.WriteNumber("connections", upstream.Limits.Connections);
            json.WriteNumber("pending", upstream.Limits.Pending);
            json.WriteNumber("requests", upstream.Limits.Requests);
            json.WriteStartArray("endpoints");
            foreach (var endpoint in upstream.Endpoints)
            {
                json.WriteStartObject();
                json.WriteString("workload", endpoint.Workload.Uid);
                json.WriteString("address", endpoint.EndPoint?.ToString() ?? endpoint.Workload.Hostname);
                json.WriteNumber("requests", endpoint.Requests);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
