using Ambient.Api.Kubernetes;
using Ambient.Api.Workloads;

namespace Ambient.ControlPlane.Derivation;

/// <summary>Which protocol a service port carries, as its <c>appProtocol</c> or else its name says.</summary>
internal static class AppProtocols
{
    public static AppProtocol Of(ServicePort port)
    {
        if (port.Protocol is not (null or "" or "TCP"))
        {
            return AppProtocol.Unknown;
        }

        return port.AppProtocol switch
        {
            "kubernetes.io/h2c" => AppProtocol.Http2,
            "kubernetes.io/ws" => AppProtocol.Http11,
            "kubernetes.io/wss" => AppProtocol.Tls,
            { } named => Named(named),
            null => Named(port.Name ?? ""),
        };
    }

    /// <summary>The protocol whose name comes before the first dash; <c>grpc-web</c> is one that WDS has no word for.</summary>
    private static AppProtocol Named(string name)
    {
        if (name.StartsWith("grpc-web", StringComparison.OrdinalIgnoreCase))
        {
            return AppProtocol.Unknown;
        }

        return name.Split('-')[0].ToLowerInvariant() switch
        {
            "http" => AppProtocol.Http11,
            "http2" => AppProtocol.Http2,
            "grpc" => AppProtocol.Grpc,
            "tls" or "https" => AppProtocol.Tls,
            "tcp" => AppProtocol.Tcp,
            _ => AppProtocol.Unknown,
        };
    }
}
