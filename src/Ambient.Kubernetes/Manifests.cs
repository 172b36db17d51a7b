using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Ambient.Kubernetes;

/// <summary>Reads YAML (or JSON, which is YAML) manifests as JSON, typed as kubectl types them.</summary>
public static class Manifests
{
    /// <summary>
    /// Most nodes of one text, aliases counted as often as they are used: aliases of aliases grow without bound. A large
    /// bundle of CRDs has some hundred thousand.
    /// </summary>
    private const int MostNodes = 2_000_000;

    /// <summary>
    /// Reads all documents of a text. Empty documents are left out; a <c>List</c> becomes its items.
    /// </summary>
    /// <param name="yaml">The text.</param>
    /// <param name="source">Where it comes from, for messages.</param>
    /// <exception cref="FormatException">The text is no YAML, or a document is not a mapping; the message names the line.</exception>
    public static IReadOnlyList<JsonObject> Parse(string yaml, string source = "manifest")
    {
        var result = new List<JsonObject>();
        foreach (var document in Documents(yaml, source))
        {
            var budget = MostNodes;
            switch (Convert(document.RootNode, source, ref budget))
            {
                case null:
                    break;
                case JsonObject list when (string?)list["kind"] == "List" && list["items"] is JsonArray items:
                    result.AddRange(items.OfType<JsonObject>().Select(item => (JsonObject)item.DeepClone()));
                    break;
                case JsonObject body:
                    result.Add(body);
                    break;
                default:
                    throw new FormatException($"{source}:{document.RootNode.Start.Line}: the document is not a mapping.");
            }
        }

        return result;
    }

    /// <summary>Reads a file, or every <c>.yaml</c>, <c>.yml</c> and <c>.json</c> file of a folder in order of name.</summary>
    public static IReadOnlyList<JsonObject> Load(string path)
    {
        if (!Directory.Exists(path))
        {
            return Parse(File.ReadAllText(path), path);
        }

        var files = Directory.EnumerateFiles(path)
            .Where(file => Path.GetExtension(file) is ".yaml" or ".yml" or ".json")
            .Order(StringComparer.Ordinal);
        return [.. files.SelectMany(file => Parse(File.ReadAllText(file), file))];
    }

    private static IList<YamlDocument> Documents(string yaml, string source)
    {
        try
        {
            var stream = new YamlStream();
            stream.Load(new StringReader(yaml));
            return stream.Documents;
        }
        catch (YamlException error)
        {
            throw new FormatException($"{source}:{error.Start.Line}:{error.Start.Column}: {error.Message}", error);
        }
    }

    /// <summary>Merge keys of YAML 1.1: fields of the merged mappings that the mapping itself does not have.</summary>
    private static void Merge(JsonObject body, JsonNode? merged, YamlMappingNode mapping)
    {
        foreach (var source in merged is JsonArray list ? list.OfType<JsonObject>() : [merged as JsonObject ?? []])
        {
            foreach (var (name, value) in source)
            {
                if (!body.ContainsKey(name) && !mapping.Children.ContainsKey(new YamlScalarNode(name)))
                {
                    body[name] = value?.DeepClone();
                }
            }
        }
    }

    private static JsonNode? Convert(YamlNode node, string source, ref int budget)
    {
        if (--budget < 0)
        {
            throw new FormatException($"{source}:{node.Start.Line}: more than {MostNodes} nodes; are aliases nested?");
        }

        switch (node)
        {
            case YamlScalarNode scalar:
                return YamlScalars.Convert(scalar, source);
            case YamlSequenceNode sequence:
                var array = new JsonArray();
                foreach (var item in sequence.Children)
                {
                    array.Add(Convert(item, source, ref budget));
                }

                return array;
            case YamlMappingNode mapping:
                var body = new JsonObject();
                foreach (var (key, value) in mapping.Children)
                {
                    var name = (key as YamlScalarNode)?.Value
                        ?? throw new FormatException($"{source}:{key.Start.Line}: a key is not a scalar.");
                    var converted = Convert(value, source, ref budget);
                    if (name == "<<" && key is YamlScalarNode { Style: ScalarStyle.Plain })
                    {
                        Merge(body, converted, mapping);
                    }
                    else
                    {
                        body[name] = converted;
                    }
                }

                return body;
            default:
                throw new FormatException($"{source}:{node.Start.Line}: unexpected {node.NodeType}.");
        }
    }
}
