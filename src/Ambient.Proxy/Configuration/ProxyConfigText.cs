using System.Globalization;
using Ambient.Api;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Ambient.Proxy.Configuration;

/// <summary>
/// The part of Istio's ProxyConfig that a node proxy heeds: PROXY_CONFIG (YAML). Keys for other proxies are passed over, because the
/// same text is given to all.
/// </summary>
public sealed record ProxyConfigText(
    string? DiscoveryAddress, int AdminPort, int StatsPort, IReadOnlyDictionary<string, string> Metadata)
{
    private static readonly ProxyConfigText Default = new(null, Ports.Admin, Ports.Metrics, new Dictionary<string, string>());

    /// <summary>Reads PROXY_CONFIG; what cannot be used is left in the reader's problems.</summary>
    public static ProxyConfigText Read(EnvironmentReader reader)
    {
        if (reader.Text("PROXY_CONFIG") is not { } text)
        {
            return Default;
        }

        var stream = new YamlStream();
        try
        {
            stream.Load(new StringReader(text));
        }
        catch (YamlException wrong)
        {
            reader.Problem("PROXY_CONFIG", string.Create(CultureInfo.InvariantCulture, $"is not YAML at line {wrong.Start.Line}: {wrong.Message}"));
            return Default;
        }

        if (stream.Documents is not [{ RootNode: YamlMappingNode root }])
        {
            reader.Problem("PROXY_CONFIG", "has to be one YAML mapping such as {discoveryAddress: istiod:15012}");
            return Default;
        }

        return new ProxyConfigText(
            Text(root, "discoveryAddress"),
            Port(reader, root, "proxyAdminPort", Ports.Admin),
            Port(reader, root, "statsPort", Ports.Metrics),
            Child(root, "proxyMetadata") is YamlMappingNode metadata
                ? metadata.Children.ToDictionary(
                    entry => ((YamlScalarNode)entry.Key).Value ?? "", entry => (entry.Value as YamlScalarNode)?.Value ?? "", StringComparer.Ordinal)
                : Default.Metadata);
    }

    private static YamlNode? Child(YamlMappingNode node, string key) =>
        node.Children.TryGetValue(new YamlScalarNode(key), out var child) ? child : null;

    private static string? Text(YamlMappingNode node, string key) => (Child(node, key) as YamlScalarNode)?.Value;

    private static int Port(EnvironmentReader reader, YamlMappingNode node, string key, int otherwise)
    {
        if (Text(node, key) is not { } text)
        {
            return otherwise;
        }

        if (ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port))
        {
            return port;
        }

        reader.Problem("PROXY_CONFIG", $"holds {key}: {text}, which is no port");
        return otherwise;
    }
}
