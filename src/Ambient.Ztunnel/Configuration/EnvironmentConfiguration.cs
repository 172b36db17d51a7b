using Ambient.Api;
using Ambient.Mesh.State;
using Ambient.Proxy.Configuration;

namespace Ambient.Ztunnel.Configuration;

/// <summary>Makes the configuration from environment variables.</summary>
internal static class EnvironmentConfiguration
{
    /// <summary>From this process's environment.</summary>
    /// <exception cref="ConfigurationException">Names each variable that cannot be used.</exception>
    public static ZtunnelConfiguration Read() => Read(EnvironmentReader.Process());

    /// <inheritdoc cref="Read()" />
    public static ZtunnelConfiguration Read(IReadOnlyDictionary<string, string> variables)
    {
        var reader = new EnvironmentReader(variables);
        var shared = ProxyEnvironment.Read(reader, "ZTUNNEL");
        var mode = reader.Choice("PROXY_MODE", ProxyMode.Shared, ("shared", ProxyMode.Shared), ("dedicated", ProxyMode.Dedicated));
        var configuration = new ZtunnelConfiguration(shared)
        {
            Mode = mode,
            DedicatedWorkload = Workload(reader, mode),
            Proxy = reader.Flag("ENABLE_PROXY", true),
            KeepSourceAddress = reader.OptionalFlag("ENABLE_ORIG_SRC"),
            PacketMark = reader.Text("PACKET_MARK") is null
                ? mode == ProxyMode.Shared ? Marks.Packet : null
                : reader.Number("PACKET_MARK", Marks.Packet, 1, int.MaxValue),
            InpodSocket = reader.Text("INPOD_UDS", "/var/run/ztunnel/ztunnel.sock"),
            InpodPortReuse = reader.Flag("INPOD_PORT_REUSE", true),
            LocalhostAppTunnel = reader.Flag("LOCALHOST_APP_TUNNEL", true),
        };
        Check(reader);
        return reader.Problems.Count == 0 ? configuration : throw new ConfigurationException(reader.Problems);
    }

    private static void Check(EnvironmentReader reader)
    {
        // What would silently not happen is refused instead.
        foreach (var (name, what) in new[]
        {
            ("UNSTABLE_ENABLE_SOCKS5", "SOCKS5 is not offered"),
            ("XDS_ON_DEMAND", "everything is always subscribed to"),
            ("TLS12_ENABLED", "only TLS 1.3 is spoken"),
        })
        {
            if (reader.Flag(name, false))
            {
                reader.Problem(name, $"is not supported: {what}; remove the variable");
            }
        }
    }

    private static WorkloadKey? Workload(EnvironmentReader reader, ProxyMode mode)
    {
        if (mode == ProxyMode.Shared)
        {
            return null;
        }

        if (reader.Text("PROXY_WORKLOAD_INFO")?.Split('/') is [{ Length: > 0 } ns, { Length: > 0 } name, { Length: > 0 } account])
        {
            return new WorkloadKey(name, ns, account);
        }

        reader.Problem("PROXY_WORKLOAD_INFO", "has to be NAMESPACE/NAME/SERVICE-ACCOUNT when PROXY_MODE=dedicated");
        return null;
    }
}
