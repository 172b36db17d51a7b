namespace Ambient.Http.Http1;

/// <summary>How far a parser came.</summary>
internal enum ParseOutcome
{
    /// <summary>What there is belongs to the head, which goes on.</summary>
    NeedMore,

    /// <summary>The head is complete.</summary>
    Done,

    /// <summary>The bytes are refused.</summary>
    Refused,
}
