namespace Ambient.Mesh.Config;

/// <summary>
/// One copy of each text that many resources repeat: namespaces, accounts, nodes, regions. A hundred thousand workloads
/// then hold references instead of copies. Not for uids and addresses, which are unique anyway.
/// </summary>
internal sealed class StringPool
{
    /// <summary>Ten times the namespaces, accounts and nodes of the largest clusters known; beyond it texts are kept as they come.</summary>
    private const int MostEntries = 65_536;

    private readonly HashSet<string> _texts = new(StringComparer.Ordinal);

    public string Intern(string text)
    {
        if (text.Length == 0)
        {
            return "";
        }

        if (_texts.TryGetValue(text, out var known))
        {
            return known;
        }

        if (_texts.Count < MostEntries)
        {
            _texts.Add(text);
        }

        return text;
    }
}
