namespace Ambient.Hbone;

/// <summary>The head of a final response, with the interim (1xx) responses that came before it.</summary>
public sealed record ResponseHeaders
{
    /// <summary><c>:status</c>, 100 to 999.</summary>
    public required int Status { get; init; }

    /// <summary>The other fields.</summary>
    public HeaderList Fields { get; init; } = HeaderList.Empty;

    /// <summary>The response carries no body (END_STREAM came with the headers).</summary>
    public bool EndStream { get; init; }

    /// <summary>Interim responses in the order of arrival; at most ten are kept, a peer that sends more is cut off.</summary>
    public IReadOnlyList<ResponseHeaders> Interim { get; init; } = [];
}
