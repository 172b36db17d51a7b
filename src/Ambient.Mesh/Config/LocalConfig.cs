using System.Collections.Immutable;
using System.Net;
using Ambient.Mesh.Model;
using Ambient.Mesh.State;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Ambient.Mesh.Config;

/// <summary>
/// Reads the mesh from a file instead of a control plane: YAML or JSON with <c>workloads</c>, <c>services</c> and <c>policies</c>,
/// in the shape that ztunnel reads (<c>LOCAL_XDS</c>) and that <c>/config_dump</c> shows. Keys that it does not know are errors.
/// </summary>
public static class LocalConfig
{
    /// <summary>Reads everything; nothing is taken if one part is wrong.</summary>
    /// <exception cref="MeshConfigException">The text is wrong; the message names line, key and what is expected.</exception>
    public static MeshUpdate Parse(string yaml)
    {
        var stream = new YamlStream();
        try
        {
            stream.Load(new StringReader(yaml));
        }
        catch (YamlException e)
        {
            throw new MeshConfigException($"line {e.Start.Line}: not YAML: {e.Message}", e);
        }

        var update = new MeshUpdate();
        if (stream.Documents.Count == 0)
        {
            return update;
        }

        var root = new YamlMap(stream.Documents[0].RootNode, "the configuration");
        var memberships = new Dictionary<string, List<ServiceMembership>>(StringComparer.Ordinal);
        update.Services.AddRange(root.List("services", node => LocalServices.Read(node, memberships)));
        update.Workloads.AddRange(root.List("workloads", node => LocalWorkloads.Read(node, memberships)));
        update.Policies.AddRange(root.List("policies", LocalPolicies.Read));
        root.End();
        return update;
    }

    internal static IPAddress Address(YamlNode node, string what) => AddressText.TryParse(YamlMap.Text(node, what), out var address)
        ? address
        : throw YamlMap.Error(node, $"{what} has to be an address, not '{YamlMap.Text(node, what)}'");

    internal static Cidr Range(YamlNode node, string what) => Cidr.TryParse(YamlMap.Text(node, what), out var range)
        ? range
        : throw YamlMap.Error(node, $"{what} has to be an address range such as 10.0.0.0/8, not '{YamlMap.Text(node, what)}'");

    internal static NetworkAddress NetworkAddress(YamlNode node, string what)
    {
        var text = YamlMap.Text(node, what);
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        return slash >= 0 && AddressText.TryParse(text.AsSpan(slash + 1), out var address)
            ? new NetworkAddress(text[..slash], address)
            : throw YamlMap.Error(node, $"{what} has to be network/address, not '{text}'");
    }

    internal static ImmutableArray<PortMapping> Ports(YamlNode node, string what) =>
        [.. new YamlMap(node, what).Entries.Select(entry => new PortMapping(
            YamlMap.Port(new YamlScalarNode(entry.Key), what), YamlMap.Port(entry.Value, what)))];

    internal static GatewayAddress? Gateway(YamlMap map, string key)
    {
        if (map.Find(key) is not { } node)
        {
            return null;
        }

        var gateway = Gateway(node, key);
        return gateway;
    }

    internal static GatewayAddress Gateway(YamlNode node, string what)
    {
        var map = new YamlMap(node, what);
        var destination = map.Require("destination");
        var port = YamlMap.Port(map.Require("hboneMtlsPort"), "hboneMtlsPort");
        map.End();
        var text = YamlMap.Text(destination, "destination");
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0)
        {
            throw YamlMap.Error(destination, $"destination has to be network/address or namespace/hostname, not '{text}'");
        }

        return AddressText.TryParse(text.AsSpan(slash + 1), out var address)
            ? new GatewayAddress { Address = new NetworkAddress(text[..slash], address), Port = port }
            : new GatewayAddress { Hostname = new NamespacedHostname(text[..slash], text[(slash + 1)..]), Port = port };
    }
}
