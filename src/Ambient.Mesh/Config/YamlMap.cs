using System.Collections.Immutable;
using System.Globalization;
using YamlDotNet.RepresentationModel;

namespace Ambient.Mesh.Config;

/// <summary>
/// A mapping of local configuration that is read key by key. Every error names the line; keys that nobody asked for are
/// errors, because a misspelt key would otherwise switch something off in silence.
/// </summary>
internal sealed class YamlMap
{
    private readonly YamlMappingNode _node;
    private readonly Dictionary<string, YamlNode> _entries = new(StringComparer.Ordinal);
    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);
    private readonly string _what;

    public YamlMap(YamlNode node, string what)
    {
        _what = what;
        _node = node as YamlMappingNode ?? throw Error(node, $"{what} has to be a mapping");
        foreach (var (key, value) in _node.Children)
        {
            _entries[Text(key, what)] = value;
        }
    }

    /// <summary>All entries, for mappings whose keys are data.</summary>
    public IEnumerable<KeyValuePair<string, YamlNode>> Entries => _entries;

    public static MeshConfigException Error(YamlNode node, string message) =>
        new(string.Create(CultureInfo.InvariantCulture, $"line {node.Start.Line}: {message}"));

    public static string Text(YamlNode node, string what) =>
        node is YamlScalarNode { Value: { } value } ? value : throw Error(node, $"{what} has to be a text");

    public YamlNode? Find(string key)
    {
        _asked.Add(key);
        return _entries.TryGetValue(key, out var node) && node is not YamlScalarNode { Value: null or "null" or "~", Style: YamlDotNet.Core.ScalarStyle.Plain or YamlDotNet.Core.ScalarStyle.Any }
            ? node
            : null;
    }

    public YamlNode Require(string key) => Find(key) ?? throw Error(_node, $"{_what} lacks {key}");

    public string Text(string key, string otherwise) => Find(key) is { } node ? Text(node, key) : otherwise;

    public string RequiredText(string key) => Text(Require(key), key);

    public bool Flag(string key, bool otherwise) => Find(key) switch
    {
        null => otherwise,
        { } node => Text(node, key) switch
        {
            "true" => true,
            "false" => false,
            var other => throw Error(node, $"{key} has to be true or false, not '{other}'"),
        },
    };

    public uint Number(string key, uint otherwise) => Find(key) is { } node ? Number(node, key, uint.MaxValue) : otherwise;

    public ushort Port(string key, ushort otherwise) =>
        Find(key) is { } node ? Port(node, key) : otherwise;

    public static ushort Port(YamlNode node, string what) => (ushort)Number(node, what, ushort.MaxValue);

    /// <summary>One of several words, compared without regard to case.</summary>
    public T Choice<T>(string key, T otherwise, params ReadOnlySpan<(string Word, T Value)> choices) =>
        Find(key) is { } node ? Choice(node, key, choices) : otherwise;

    public static T Choice<T>(YamlNode node, string what, params ReadOnlySpan<(string Word, T Value)> choices)
    {
        var text = Text(node, what);
        var words = new List<string>();
        foreach (var (word, value) in choices)
        {
            if (string.Equals(word, text, StringComparison.OrdinalIgnoreCase))
            {
                return value;
            }

            words.Add(word);
        }

        throw Error(node, $"{what} is '{text}'; it has to be one of {string.Join(", ", words)}");
    }

    public ImmutableArray<T> List<T>(string key, Func<YamlNode, T> read) =>
        Find(key) is { } node ? List(node, key, read) : [];

    public static ImmutableArray<T> List<T>(YamlNode node, string what, Func<YamlNode, T> read) => node is YamlSequenceNode sequence
        ? [.. sequence.Children.Select(read)]
        : throw Error(node, $"{what} has to be a list");

    /// <summary>Refuses keys that were not asked for.</summary>
    public void End()
    {
        foreach (var (key, node) in _entries)
        {
            if (!_asked.Contains(key))
            {
                throw Error(node, $"{_what} has the unknown key '{key}'; known are {string.Join(", ", _asked.Order(StringComparer.Ordinal))}");
            }
        }
    }

    private static uint Number(YamlNode node, string what, uint most) =>
        uint.TryParse(Text(node, what), NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value <= most
            ? value
            : throw Error(node, string.Create(CultureInfo.InvariantCulture, $"{what} has to be a number between 0 and {most}"));
}
