using System.Text.Json;
using Ambient.Identity.Certificates;
using Ambient.Mesh.Config;
using Ambient.Mesh.Routing;
using Ambient.Mesh.State;
using Ambient.Proxy;
using Ambient.Ztunnel.Pods;

namespace Ambient.Ztunnel.Admin;

/// <summary>The page <c>/config_dump</c>: everything this proxy knows, in the shape that <c>istioctl ztunnel-config</c> reads.</summary>
internal sealed class ConfigDump(
    Configuration.ZtunnelConfiguration configuration, MeshStore mesh, CertificateStore certificates,
    Func<(IReadOnlyList<PodIdentity> Running, IReadOnlyList<(string Uid, WorkloadKey Key)> Pending)> pods)
{
    private static readonly JsonWriterOptions Indented = new() { Indented = true, IndentSize = 2 };

    /// <summary>The dump as text.</summary>
    public ReadOnlyMemory<byte> Write()
    {
        var bytes = new System.Buffers.ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(bytes, Indented))
        {
            json.WriteStartObject();
            json.WritePropertyName("certificates");
            CertificateDump.Write(json, certificates.Status());
            json.WritePropertyName("config");
            ConfigurationDump.Write(json, configuration);
            StateDump.Write(json, mesh.Current);
            WriteVersion(json);
            if (configuration.Mode == Configuration.ProxyMode.Shared)
            {
                WritePods(json);
            }

            json.WriteEndObject();
        }

        return bytes.WrittenMemory;
    }

    private void WriteVersion(Utf8JsonWriter json)
    {
        json.WriteStartObject("version");
        json.WriteString("buildProfile", ThisBuild.Profile);
        json.WriteString("buildStatus", "Clean");
        json.WriteString("cryptoProvider", "openssl");
        json.WriteString("gitRevision", ThisBuild.Revision);
        json.WriteString("istioVersion", configuration.Version);
        json.WriteString("rustVersion", $"none; .NET {Environment.Version}");
        json.WriteString("version", ThisBuild.Version);
        json.WriteEndObject();
    }

    private void WritePods(Utf8JsonWriter json)
    {
        var (running, pending) = pods();
        json.WriteStartObject("workloadState");
        foreach (var pod in running)
        {
            json.WriteStartObject(pod.Uid);
            var connections = pod.Connections;
            json.WriteStartObject("connections");
            WriteConnections(json, "inbound", connections.Where(connection => connection.Inbound));
            WriteConnections(json, "outbound", connections.Where(connection => !connection.Inbound));
            json.WriteEndObject();
            WriteInfo(json, pod.Key);
            json.WriteString("state", "Up");
            json.WriteEndObject();
        }

        foreach (var (uid, key) in pending)
        {
            json.WriteStartObject(uid);
            WriteInfo(json, key);
            json.WriteString("state", "Pending");
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteInfo(Utf8JsonWriter json, WorkloadKey key)
    {
        json.WriteStartObject("info");
        json.WriteString("name", key.Name);
        json.WriteString("namespace", key.Namespace);
        json.WriteString("serviceAccount", key.ServiceAccount);
        json.WriteEndObject();
    }

    private static void WriteConnections(Utf8JsonWriter json, string name, IEnumerable<TrackedConnection> connections)
    {
        json.WriteStartArray(name);
        foreach (var connection in connections)
        {
            json.WriteStartObject();
            json.WriteString("actualDst", connection.ActualDestination.ToString());
            json.WriteString("originalDst", connection.OriginalDestination.ToString());
            json.WriteString("protocol", connection.Kind switch
            {
                OutboundKind.Hbone => "HBONE",
                OutboundKind.DoubleHbone => "DOUBLEHBONE",
                _ => "TCP",
            });
            json.WriteString("src", connection.Source.ToString());
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
