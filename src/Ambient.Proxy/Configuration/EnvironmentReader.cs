using System.Collections;
using System.Globalization;

namespace Ambient.Proxy.Configuration;

/// <summary>
/// Reads variables as what they stand for and collects what is wrong, so that somebody with three mistakes learns of all three at once.
/// An empty variable counts as not set, unless its reader says otherwise.
/// </summary>
public sealed class EnvironmentReader(IReadOnlyDictionary<string, string> variables)
{
    private readonly List<string> _problems = [];

    /// <summary>All variables of this process.</summary>
    public static IReadOnlyDictionary<string, string> Process() => Environment.GetEnvironmentVariables()
        .Cast<DictionaryEntry>()
        .ToDictionary(entry => (string)entry.Key, entry => (string?)entry.Value ?? "", StringComparer.Ordinal);

    /// <summary>What is wrong so far, one line for each variable.</summary>
    public IReadOnlyList<string> Problems => _problems;

    /// <summary>A text; null where it is not set.</summary>
    public string? Text(string name) => variables.TryGetValue(name, out var value) && value.Length > 0 ? value : null;

    /// <summary>A text, with a default.</summary>
    public string Text(string name, string otherwise) => Text(name) ?? otherwise;

    /// <summary>Whether a variable is set, be it to nothing.</summary>
    public bool IsSet(string name) => variables.ContainsKey(name);

    /// <summary>A truth value.</summary>
    public bool Flag(string name, bool otherwise)
    {
        switch (Text(name)?.ToLowerInvariant())
        {
            case null:
                return otherwise;
            case "true" or "1":
                return true;
            case "false" or "0":
                return false;
            default:
                Problem(name, "is neither true nor false");
                return otherwise;
        }
    }

    /// <summary>A truth value; null where it is not set.</summary>
    public bool? OptionalFlag(string name) => Text(name) is null ? null : Flag(name, false);

    /// <summary>A number between bounds that belong to the range.</summary>
    public int Number(string name, int otherwise, int least, int most)
    {
        if (Text(name) is not { } text)
        {
            return otherwise;
        }

        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most)
        {
            return value;
        }

        Problem(name, string.Create(CultureInfo.InvariantCulture, $"is not a number from {least} to {most}"));
        return otherwise;
    }

    /// <summary>A duration.</summary>
    public TimeSpan Duration(string name, TimeSpan otherwise)
    {
        if (Text(name) is not { } text)
        {
            return otherwise;
        }

        if (DurationText.TryParse(text, out var duration))
        {
            return duration;
        }

        Problem(name, "is not a duration such as 500ms, 30s, 5m or 24h");
        return otherwise;
    }

    /// <summary>One of some words, whatever their case.</summary>
    public T Choice<T>(string name, T otherwise, params ReadOnlySpan<(string Word, T Value)> choices)
    {
        if (Text(name) is not { } text)
        {
            return otherwise;
        }

        var words = new List<string>();
        foreach (var (word, value) in choices)
        {
            if (string.Equals(word, text, StringComparison.OrdinalIgnoreCase))
            {
                return value;
            }

            words.Add(word);
        }

        Problem(name, $"is not one of {string.Join(", ", words)}");
        return otherwise;
    }

    /// <summary>A server's address; without a scheme it means https.</summary>
    public Uri? Address(string name, string? otherwise)
    {
        if (variables.TryGetValue(name, out var set) && set.Length == 0)
        {
            return null; // set to nothing: switched off
        }

        if ((Text(name) ?? otherwise) is not { } text)
        {
            return null;
        }

        var full = text.Contains("://", StringComparison.Ordinal) ? text : "https://" + text;
        if (Uri.TryCreate(full, UriKind.Absolute, out var uri) && uri.Scheme is "https" or "http" && uri.Host.Length > 0)
        {
            return uri;
        }

        Problem(name, "is not an address: write https://HOST:PORT, or http://HOST:PORT for plaintext on loopback");
        return null;
    }

    /// <summary>The variables of a prefix, by the rest of their names.</summary>
    public IEnumerable<KeyValuePair<string, string>> WithPrefix(string prefix) => variables
        .Where(variable => variable.Key.StartsWith(prefix, StringComparison.Ordinal) && variable.Key.Length > prefix.Length)
        .Select(variable => KeyValuePair.Create(variable.Key[prefix.Length..], variable.Value))
        .OrderBy(variable => variable.Key, StringComparer.Ordinal);

    /// <summary>Notes what is wrong with a variable.</summary>
    public void Problem(string name, string problem) =>
        _problems.Add(Text(name) is { } value ? $"{name}={value} {problem}" : $"{name} {problem}");
}
