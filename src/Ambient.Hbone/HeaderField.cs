namespace Ambient.Hbone;

/// <summary>
/// One header field. Names are lower-case; values hold one character per byte (Latin-1), so that no byte is lost.
/// </summary>
/// <param name="Name">The name, in lower case.</param>
/// <param name="Value">The value, without surrounding whitespace.</param>
/// <param name="IsSensitive">Never enters a compression table, here or at any later hop (RFC 7541 §6.2.3).</param>
public readonly record struct HeaderField(string Name, string Value, bool IsSensitive = false)
{
    /// <summary>What the field adds to a header list's or a table's size (RFC 7541 §4.1).</summary>
    public int Size => Name.Length + Value.Length + Overhead;

    /// <summary>The bytes that each field costs beyond its text (RFC 7541 §4.1).</summary>
    internal const int Overhead = 32;
}
