using System.Globalization;
using System.Net;
using Ambient.NodeAgent.Capture;
using Ambient.NodeAgent.Enrolment;
using Ambient.Telemetry.Servers;

namespace Ambient.NodeAgent;

/// <summary>The agent's settings, from the environment; the names are those of the original where it has them.</summary>
internal sealed record AgentConfiguration
{
    public required string NodeName { get; init; }
    public required string AgentNamespace { get; init; }
    public required string RunFolder { get; init; }
    public required string ZdsPath { get; init; }
    public required string CniConfigFolder { get; init; }
    public required string CniBinFolder { get; init; }
    public required string? CniConfigName { get; init; }
    public required string HostRoot { get; init; }
    public required string ProcFolder { get; init; }
    public required IReadOnlyList<SelectorPair> Selectors { get; init; }
    public required IReadOnlyList<string> ExcludedNamespaces { get; init; }
    public required CaptureOptions Capture { get; init; }
    public required bool PreferNftables { get; init; }
    public required bool InstallPlugin { get; init; }
    public required TimeSpan VerifyInterval { get; init; }
    public required int KubeletUser { get; init; }
    public required ListenAddress Health { get; init; }
    public required ListenAddress Metrics { get; init; }

    /// <summary>Reads the environment.</summary>
    /// <exception cref="FormatException">A variable is missing or holds what cannot be meant; the message names it and what it takes.</exception>
    public static AgentConfiguration Read(Func<string, string?> environment)
    {
        string Text(string name, string otherwise) => environment(name) is { Length: > 0 } value ? value : otherwise;
        var capture = new CaptureOptions
        {
            IPv6 = Boolean(environment, "AMBIENT_IPV6", true),
            Dns = Boolean(environment, "AMBIENT_DNS_CAPTURE", false),
            ProbeSource = Address(environment, "HOST_PROBE_SNAT_IP", CaptureOptions.DefaultProbeSource),
            ProbeSourceV6 = Address(environment, "HOST_PROBE_SNAT_IPV6", CaptureOptions.DefaultProbeSourceV6),
        };
        return new AgentConfiguration
        {
            NodeName = environment("NODE_NAME") is { Length: > 0 } node
                ? node
                : throw new FormatException("NODE_NAME is not set: give the name of the node whose pods are to be enrolled."),
            AgentNamespace = Text("POD_NAMESPACE", "istio-system"),
            RunFolder = Text("CNI_AGENT_RUN_DIR", "/var/run/istio-cni"),
            ZdsPath = Text("ZTUNNEL_UDS_ADDRESS", "/var/run/ztunnel/ztunnel.sock"),
            CniConfigFolder = Text("MOUNTED_CNI_NET_DIR", "/host/etc/cni/net.d"),
            CniBinFolder = Text("MOUNTED_CNI_BIN_DIR", "/host/opt/cni/bin"),
            CniConfigName = environment("CNI_CONF_NAME") is { Length: > 0 } name ? name : null,
            HostRoot = environment("HOST_ROOT") ?? "/host",
            ProcFolder = Text("HOST_PROC", "/host/proc"),
            Selectors = environment("AMBIENT_ENABLEMENT_SELECTOR") is { Length: > 0 } selectors
                ? Named("AMBIENT_ENABLEMENT_SELECTOR", () => EnablementSelector.Parse(selectors))
                : EnablementSelector.DefaultPairs,
            ExcludedNamespaces = Text("EXCLUDE_NAMESPACES", "kube-system")
                .Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries),
            Capture = capture,
            PreferNftables = Boolean(environment, "NATIVE_NFTABLES", true),
            InstallPlugin = Boolean(environment, "INSTALL_CNI_PLUGIN", true),
            VerifyInterval = TimeSpan.FromSeconds(Number(environment, "AMBIENT_VERIFY_INTERVAL_SECONDS", 10, 1, 3600)),
            KubeletUser = Number(environment, "KUBELET_UID", 0, 0, int.MaxValue),
            Health = ListenAddress.Parse(Text("HEALTH_ADDRESS", "*:8000")),
            Metrics = ListenAddress.Parse(Text("MONITORING_ADDRESS", $"*:{Number(environment, "MONITORING_PORT", Api.Ports.ControlPlaneMetrics, 1, 65535)}")),
        };
    }

    private static bool Boolean(Func<string, string?> environment, string name, bool otherwise) => environment(name) switch
    {
        null or "" => otherwise,
        "1" or "t" or "T" or "true" or "TRUE" or "True" => true,
        "0" or "f" or "F" or "false" or "FALSE" or "False" => false,
        var other => throw new FormatException($"{name} is '{other}': give true or false."),
    };

    private static int Number(Func<string, string?> environment, string name, int otherwise, int least, int most) => environment(name) switch
    {
        null or "" => otherwise,
        var text when int.TryParse(text, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most => number,
        var other => throw new FormatException($"{name} is '{other}': give a whole number from {least} to {most}."),
    };

    private static IPAddress Address(Func<string, string?> environment, string name, IPAddress otherwise) => environment(name) switch
    {
        null or "" => otherwise,
        var text when IPAddress.TryParse(text, out var address) && address.AddressFamily == otherwise.AddressFamily => address,
        var other => throw new FormatException($"{name} is '{other}': give an address such as {otherwise}."),
    };

    private static T Named<T>(string name, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (FormatException failure)
        {
            throw new FormatException($"{name}: {failure.Message}", failure);
        }
    }
}
