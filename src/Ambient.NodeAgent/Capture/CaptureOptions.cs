using System.Net;
using Ambient.Api;
using Ambient.Api.Kubernetes;

namespace Ambient.NodeAgent.Capture;

/// <summary>What is captured in one pod's network namespace.</summary>
internal sealed record CaptureOptions
{
    /// <summary>Whether IPv6 is captured beside IPv4.</summary>
    public bool IPv6 { get; init; } = true;

    /// <summary>Whether DNS queries are redirected to the proxy.</summary>
    public bool Dns { get; init; }

    /// <summary>Ingress mode: inbound plaintext reaches the application directly; HBONE and outbound are captured all the same.</summary>
    public bool BypassInbound { get; init; }

    /// <summary>Interfaces (of virtual machines or nested containers) whose inbound TCP is treated as the pod's outbound.</summary>
    public IReadOnlyList<string> VirtualInterfaces { get; init; } = [];

    /// <summary>The source that the node gives to probes of the kubelet, so that they pass without the proxy.</summary>
    public IPAddress ProbeSource { get; init; } = DefaultProbeSource;

    /// <summary>The same over IPv6.</summary>
    public IPAddress ProbeSourceV6 { get; init; } = DefaultProbeSourceV6;

    /// <summary>Link-local, so that it never collides with a pod or node (reference: HOST_PROBE_SNAT_IP).</summary>
    public static readonly IPAddress DefaultProbeSource = IPAddress.Parse("169.254.7.127");

    /// <summary>Unique-local, as above (reference: HOST_PROBE_SNAT_IPV6).</summary>
    public static readonly IPAddress DefaultProbeSourceV6 = IPAddress.Parse("fd16:9254:7127:1337:ffff:ffff:ffff:ffff");

    /// <summary>The node's options with what the pod's annotations change.</summary>
    public CaptureOptions For(Pod pod) => this with
    {
        Dns = ReadBoolean(pod, Annotations.DnsCapture) ?? Dns,
        BypassInbound = ReadBoolean(pod, Annotations.BypassInboundCapture) ?? BypassInbound,
        VirtualInterfaces = [.. (pod.Metadata.Annotation(Annotations.RerouteVirtualInterfaces) ?? "")
            .Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Where(IsInterfaceName)],
    };

    /// <summary>Reads what users write for a boolean annotation; anything else counts as absent, as users of the original know it.</summary>
    private static bool? ReadBoolean(Pod pod, string annotation) => pod.Metadata.Annotation(annotation) switch
    {
        "1" or "t" or "T" or "true" or "TRUE" or "True" => true,
        "0" or "f" or "F" or "false" or "FALSE" or "False" => false,
        _ => null,
    };

    /// <summary>
    /// IFNAMSIZ is 16 with its terminator; the kernel refuses '/' and white space. Quotes and the like are refused too, because the
    /// name ends up in a rule: a pod's author must not be able to write rules of the node agent.
    /// </summary>
    private static bool IsInterfaceName(string name) =>
        name.Length < 16 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '@');
}
