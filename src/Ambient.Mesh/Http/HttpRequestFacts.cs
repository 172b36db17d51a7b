using System.Text;
using Ambient.Mesh.Authorization;

namespace Ambient.Mesh.Http;

/// <summary>The name of a header field, in lower case, as text and as bytes. Made once when the configuration comes.</summary>
public sealed class HeaderName(string name) : IEquatable<HeaderName>
{
    private readonly byte[] _bytes = Encoding.UTF8.GetBytes(name.ToLowerInvariant());

    /// <summary>As text.</summary>
    public string Text { get; } = name.ToLowerInvariant();

    /// <summary>As it stands on the wire.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <inheritdoc />
    public bool Equals(HeaderName? other) => other?.Text == Text;

    /// <inheritdoc />
    public override bool Equals(object? obj) => Equals(obj as HeaderName);

    /// <inheritdoc />
    public override int GetHashCode() => Text.GetHashCode(StringComparison.Ordinal);

    /// <inheritdoc />
    public override string ToString() => Text;
}

/// <summary>The header fields of a request, however its codec keeps them.</summary>
public interface IHeaderSource
{
    /// <summary>
    /// The value of a field; several of one name are joined with a comma, as RFC 9110 §5.3 reads them. Each byte of the wire is one
    /// character. The value may lie in <paramref name="scratch"/> or anywhere else that outlives the call.
    /// </summary>
    /// <param name="name">The name.</param>
    /// <param name="scratch">Room that the source may use instead of allocating.</param>
    /// <param name="value">The value, without white space around it.</param>
    /// <returns>Whether the request has the field.</returns>
    bool TryGet(HeaderName name, Span<char> scratch, out ReadOnlySpan<char> value);
}

/// <summary>
/// One request, as routes and policies see it. Each byte of the wire is one character. What is normalised has been normalised before:
/// a decision never looks at another spelling than the one that is sent on.
/// </summary>
public readonly ref struct HttpRequestFacts
{
    /// <summary>The connection that brought it: the client's address and proved identity, the address and the service port that it asked for.</summary>
    public required ConnectionFacts Connection { get; init; }

    /// <summary>The method, as sent: methods are case-sensitive.</summary>
    public required ReadOnlySpan<char> Method { get; init; }

    /// <summary>The normalised path, without the query; it starts with a slash, or is <c>*</c>.</summary>
    public required ReadOnlySpan<char> Path { get; init; }

    /// <summary>The query with its question mark; empty without one.</summary>
    public ReadOnlySpan<char> Query { get; init; }

    /// <summary>Host and port as the request names them: <c>:authority</c>, or the Host field.</summary>
    public required ReadOnlySpan<char> Authority { get; init; }

    /// <summary>The scheme: <c>http</c> or <c>https</c>.</summary>
    public ReadOnlySpan<char> Scheme { get; init; }

    /// <summary>The header fields.</summary>
    public required IHeaderSource Headers { get; init; }
}
