namespace Ambient.Hbone;

/// <summary>The head of a request: its pseudo-header fields (RFC 9113 §8.3.1) and the rest.</summary>
public sealed record RequestHeaders
{
    /// <summary><c>:method</c>.</summary>
    public required string Method { get; init; }

    /// <summary><c>:authority</c>; for CONNECT the target, <c>host:port</c>.</summary>
    public string? Authority { get; init; }

    /// <summary><c>:scheme</c>; absent for CONNECT.</summary>
    public string? Scheme { get; init; }

    /// <summary><c>:path</c>; absent for CONNECT.</summary>
    public string? Path { get; init; }

    /// <summary>The other fields.</summary>
    public HeaderList Fields { get; init; } = HeaderList.Empty;

    /// <summary>The request carries no body (END_STREAM came with the headers).</summary>
    public bool EndStream { get; init; }

    /// <summary>The request asks for a tunnel.</summary>
    public bool IsConnect => Method == "CONNECT";

    /// <summary>A CONNECT for a target, with these further fields.</summary>
    public static RequestHeaders Connect(string authority, params ReadOnlySpan<HeaderField> fields) =>
        new() { Method = "CONNECT", Authority = authority, Fields = new HeaderList(fields) };
}
