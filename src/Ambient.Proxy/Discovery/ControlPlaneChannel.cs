using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ambient.Xds.Delta;
using Ambient.Xds.Grpc;
using Ambient.Proxy.Configuration;

namespace Ambient.Proxy.Discovery;

/// <summary>Channels to the control plane and the certificate authority: whom they trust and how they prove who calls.</summary>
public static class ControlPlaneChannel
{
    /// <summary>Trusts the roots of the operating system.</summary>
    private const string System = "SYSTEM";

    /// <summary>To the control plane, for discovery.</summary>
    public static GrpcChannel ToDiscovery(Uri address, ProxyConfiguration configuration) => new(address, new GrpcChannelOptions
    {
        RootCertificates = Roots(address, "XDS_ROOT_CA", configuration.XdsRootCertificate),
        AlternativeHostname = configuration.AlternativeXdsHostname,
        Metadata = Metadata(configuration, configuration.XdsHeaders),
        MaxReceiveBytes = DeltaClient.MaxReceiveBytes,
    });

    /// <summary>To the certificate authority.</summary>
    public static GrpcChannel ToAuthority(Uri address, ProxyConfiguration configuration) => new(address, new GrpcChannelOptions
    {
        RootCertificates = Roots(address, "CA_ROOT_CA", configuration.CaRootCertificate),
        AlternativeHostname = configuration.AlternativeCaHostname,
        Metadata = Metadata(configuration, configuration.CaHeaders),
    });

    /// <summary>Read at each connection, so that new roots and a file that appears late need no restart.</summary>
    private static Func<CancellationToken, ValueTask<X509Certificate2Collection>>? Roots(Uri address, string variable, string value)
    {
        if (value == System || address.Scheme != Uri.UriSchemeHttps)
        {
            return null;
        }

        return async cancellation =>
        {
            var isText = value.Contains("-----BEGIN", StringComparison.Ordinal);
            if (!isText && !File.Exists(value))
            {
                throw new IOException($"{variable}: there is no file {Path.GetFullPath(value)}; mount the root certificate there, or set {variable} to its path, to PEM, or to {System}.");
            }

            var roots = new X509Certificate2Collection();
            try
            {
                roots.ImportFromPem(isText ? value : await File.ReadAllTextAsync(value, cancellation));
            }
            catch (CryptographicException wrong)
            {
                throw new IOException($"{variable}: {(isText ? "the text" : value)} is not PEM: {wrong.Message}", wrong);
            }

            return roots.Count > 0 ? roots : throw new IOException($"{variable}: {(isText ? "the text" : value)} holds no certificate.");
        };
    }

    /// <summary>The token is read for each call: the kubelet renews it in place.</summary>
    private static Func<CancellationToken, ValueTask<IReadOnlyList<KeyValuePair<string, string>>>> Metadata(
        ProxyConfiguration configuration, IReadOnlyList<KeyValuePair<string, string>> further) => async cancellation =>
        {
            var metadata = new List<KeyValuePair<string, string>>();
            if (configuration.AuthToken is { } token)
            {
                var text = File.Exists(token) ? (await File.ReadAllTextAsync(token, cancellation)).Trim() : token;
                metadata.Add(new("authorization", text.Length > 0
                    ? "Bearer " + text
                    : throw new IOException($"AUTH_TOKEN: the file {token} is empty; check the projected token volume.")));
            }

            metadata.Add(new("clusterid", configuration.ClusterId));
            metadata.AddRange(further);
            return metadata;
        };
}
