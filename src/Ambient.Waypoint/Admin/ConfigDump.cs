using System.Buffers;
using System.Text.Json;
using Ambient.Identity.Certificates;
using Ambient.Mesh.Config;
using Ambient.Mesh.Http;
using Ambient.Mesh.State;
using Ambient.Proxy;
using Ambient.Waypoint.Configuration;
using Ambient.Waypoint.Requests.Upstreams;
using Ambient.Waypoint.Serving;

namespace Ambient.Waypoint.Admin;

/// <summary>
/// The page <c>/config_dump</c>: everything this waypoint knows. Workloads and services have the shape of the node proxy's dump; routes and
/// policies stand beside them.
/// </summary>
internal sealed class ConfigDump(
    WaypointConfiguration configuration, MeshStore mesh, WaypointStore waypoint, CertificateStore certificates, UpstreamTable upstreams,
    Func<WaypointLoops?> serving)
{
    private static readonly JsonWriterOptions Indented = new() { Indented = true, IndentSize = 2 };

    /// <summary>The dump as text.</summary>
    public async Task<ReadOnlyMemory<byte>> WriteAsync()
    {
        var connections = serving() is { } loops ? await ConnectionsAsync(loops) : [];
        var bytes = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(bytes, Indented);
        json.WriteStartObject();
        json.WritePropertyName("certificates");
        CertificateDump.Write(json, certificates.Status());
        json.WriteStartObject("config");
        json.WriteString("caAddress", configuration.CaAddress?.OriginalString);
        json.WriteString("clusterId", configuration.ClusterId);
        json.WriteString("gateway", $"{configuration.Pod.Namespace}/{configuration.Gateway}");
        json.WriteString("identity", configuration.Identity.ToString());
        json.WriteString("network", configuration.Network);
        json.WriteNumber("numWorkerThreads", configuration.WorkerThreads);
        json.WriteString("pod", configuration.Workload.ToString());
        json.WriteString("xdsAddress", configuration.XdsAddress?.OriginalString);
        json.WriteEndObject();
        StateDump.Write(json, mesh.Current);
        RouteDump.Write(json, waypoint.Current);
        UpstreamDump.Write(json, upstreams);
        json.WriteStartArray("connections");
        foreach (var connection in connections)
        {
            json.WriteStartObject();
            json.WriteString("actualDst", connection.Endpoint);
            json.WriteString("originalDst", connection.Destination);
            json.WriteString("service", connection.Service);
            json.WriteString("src", connection.Source);
            json.WriteString("srcIdentity", connection.Identity);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartObject("version");
        json.WriteString("buildProfile", ThisBuild.Profile);
        json.WriteString("gitRevision", ThisBuild.Revision);
        json.WriteString("istioVersion", configuration.Version);
        json.WriteString("version", ThisBuild.Version);
        json.WriteEndObject();
        json.WriteEndObject();
        await json.FlushAsync();
        return bytes.WrittenMemory;
    }

    private static async Task<IEnumerable<Shown>> ConnectionsAsync(WaypointLoops loops) =>
        (await Task.WhenAll(loops.All.Select(one => one.Loop.RunAsync(() => Task.FromResult<Shown[]>(
        [
            .. one.Connections.All.Select(connection => new Shown(
                connection.Passage.Tunnel.RemoteEndPoint.ToString(),
                connection.Passage.Tunnel.PeerIdentity.ToString(),
                connection.Passage.Destination.ToString(),
                connection.Passage.ServiceKey,
                connection.Endpoint?.ToString())),
        ]))))).SelectMany(shown => shown);

    private sealed record Shown(string Source, string Identity, string Destination, string? Service, string? Endpoint);
}
