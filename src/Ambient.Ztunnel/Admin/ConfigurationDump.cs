using System.Net;
using System.Text.Json;
using Ambient.Api;
using Ambient.Proxy.Configuration;
using Ambient.Telemetry.Servers;
using Ambient.Ztunnel.Configuration;

namespace Ambient.Ztunnel.Admin;

/// <summary>Writes the settings in force under the names that ztunnel gives them.</summary>
internal static class ConfigurationDump
{
    public static void Write(Utf8JsonWriter json, ZtunnelConfiguration configuration)
    {
        var wildcard = configuration.IPv6 ? "[::]" : "0.0.0.0";
        json.WriteStartObject();
        Localhost(json, "adminAddr", configuration.Admin, configuration.IPv6);
        json.WriteString("altCaHostname", configuration.AlternativeCaHostname);
        json.WriteString("altXdsHostname", configuration.AlternativeXdsHostname);
        json.WriteString("caAddress", configuration.CaAddress?.OriginalString);
        Headers(json, "caHeaders", configuration.CaHeaders);
        json.WriteString("caRootCert", RootCertificate(configuration.CaRootCertificate));
        json.WriteString("clusterDomain", configuration.ClusterDomain);
        json.WriteString("clusterId", configuration.ClusterId);
        json.WriteNumber("connectionWindowSize", configuration.ConnectionWindow);
        json.WriteNull("crlPath");
        json.WriteBoolean("dnsProxy", false);
        json.WriteNull("dnsProxyAddr");
        json.WriteBoolean("enableEnhancedBaggage", configuration.ResponseBaggage);
        json.WriteBoolean("fakeCa", false);
        json.WriteBoolean("fakeSelfInbound", false);
        json.WriteNumber("frameSize", configuration.FrameSize);
        json.WriteStartArray("illegalPorts");
        json.WriteNumberValue(Ports.InboundPlaintext);
        json.WriteNumberValue(Ports.Hbone);
        json.WriteNumberValue(Ports.Outbound);
        json.WriteEndArray();
        json.WriteString("inboundAddr", $"{wildcard}:{Ports.Hbone}");
        json.WriteString("inboundPlaintextAddr", $"{wildcard}:{Ports.InboundPlaintext}");
        json.WriteBoolean("inpodPortReuse", configuration.InpodPortReuse);
        json.WriteString("inpodUds", configuration.InpodSocket);
        json.WriteBoolean("ipv6Enabled", configuration.IPv6);
        json.WriteString("localNode", configuration.NodeName);
        json.WriteBoolean("localhostAppTunnel", configuration.LocalhostAppTunnel);
        json.WriteString("network", configuration.Network);
        json.WriteNumber("numWorkerThreads", configuration.WorkerThreads);
        json.WriteString("outboundAddr", $"{wildcard}:{Ports.Outbound}");
        Number(json, "packetMark", configuration.PacketMark);
        json.WriteNumber("poolMaxStreamsPerConn", configuration.PoolMaxStreams);
        Duration(json, "poolUnusedReleaseTimeout", configuration.PoolUnusedReleaseTimeout);
        json.WriteNull("preferedServiceNamespace");
        json.WriteBoolean("proxy", configuration.Proxy);
        json.WriteStartObject("proxyMetadata");
        foreach (var (name, value) in configuration.Metadata)
        {
            json.WriteString(name, value);
        }

        json.WriteEndObject();
        json.WriteString("proxyMode", configuration.Mode.ToString());
        Workload(json, configuration);
        SocketAddress(json, "readinessAddr", configuration.Readiness);
        json.WriteBoolean("requireOriginalSource", configuration.KeepSourceAddress ?? false);
        Duration(json, "secretTtl", configuration.SecretTtl);
        Duration(json, "selfTerminationDeadline", configuration.TerminationDeadline);
        Sockets(json, configuration);
        json.WriteNull("socks5Addr");
        SocketAddress(json, "statsAddr", configuration.Metrics);
        json.WriteNumber("windowSize", configuration.StreamWindow);
        json.WriteString("xdsAddress", configuration.XdsAddress?.OriginalString);
        Headers(json, "xdsHeaders", configuration.XdsHeaders);
        json.WriteBoolean("xdsOnDemand", false);
        json.WriteString("xdsRootCert", RootCertificate(configuration.XdsRootCertificate));
        json.WriteNull("ztunnelIdentity");
        json.WriteNull("ztunnelWorkload");
        json.WriteEndObject();
    }

    private static void Workload(Utf8JsonWriter json, ZtunnelConfiguration configuration)
    {
        if (configuration.DedicatedWorkload is not { } workload)
        {
            json.WriteNull("proxyWorkloadInformation");
            return;
        }

        json.WriteStartObject("proxyWorkloadInformation");
        json.WriteString("name", workload.Name);
        json.WriteString("namespace", workload.Namespace);
        json.WriteString("serviceAccount", workload.ServiceAccount);
        json.WriteEndObject();
    }

    private static void Sockets(Utf8JsonWriter json, ZtunnelConfiguration configuration)
    {
        var keepAlive = configuration.KeepAlive ?? new KeepAlive(TimeSpan.FromSeconds(180), TimeSpan.FromSeconds(180), 9);
        json.WriteStartObject("socketConfig");
        json.WriteBoolean("keepaliveEnabled", configuration.KeepAlive is not null);
        Duration(json, "keepaliveInterval", keepAlive.Interval);
        json.WriteNumber("keepaliveRetries", keepAlive.Probes);
        Duration(json, "keepaliveTime", keepAlive.Idle);
        json.WriteBoolean("userTimeoutEnabled", configuration.UserTimeout);
        json.WriteEndObject();
    }

    /// <summary>Where a certificate comes from; the certificate itself is no secret, but long.</summary>
    private static string RootCertificate(string value) =>
        value == "SYSTEM" ? "Default" : value.Contains("-----BEGIN", StringComparison.Ordinal) ? "Static" : value;

    private static void Localhost(Utf8JsonWriter json, string name, ListenAddress address, bool ipv6)
    {
        json.WriteStartObject(name);
        json.WriteStartArray("Localhost");
        json.WriteBooleanValue(ipv6);
        json.WriteNumberValue(address.EndPoints[0].Port);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void SocketAddress(Utf8JsonWriter json, string name, ListenAddress address)
    {
        json.WriteStartObject(name);
        json.WriteString("SocketAddr", Text(address.EndPoints[0]));
        json.WriteEndObject();
    }

    private static string Text(IPEndPoint endpoint) => endpoint.ToString();

    private static void Headers(Utf8JsonWriter json, string name, IReadOnlyList<KeyValuePair<string, string>> headers)
    {
        // Values may be secrets.
        json.WriteStartArray(name);
        foreach (var header in headers)
        {
            json.WriteStringValue(header.Key);
        }

        json.WriteEndArray();
    }

    private static void Number(Utf8JsonWriter json, string name, int? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, number);
        }
        else
        {
            json.WriteNull(name);
        }
    }

    private static void Duration(Utf8JsonWriter json, string name, TimeSpan duration)
    {
        json.WriteStartObject(name);
        json.WriteNumber("nanos", duration.Ticks % TimeSpan.TicksPerSecond * 100);
        json.WriteNumber("secs", (long)duration.TotalSeconds);
        json.WriteEndObject();
    }
}
