namespace Ambient.Xds.Delta;

/// <summary>What a stream wants of one type, and how far it is. A wildcard holds no names, so its memory does not grow with the mesh.</summary>
internal sealed class Subscription(string typeUrl)
{
    public string TypeUrl { get; } = typeUrl;

    public bool Wildcard { get; set; }

    /// <summary>What was asked for by name, and the names under which it was found.</summary>
    public HashSet<string> Names { get; } = new(StringComparer.Ordinal);

    /// <summary>The generation of the store up to which the client has been told.</summary>
    public long Generation { get; set; }

    /// <summary>The nonce of the last response.</summary>
    public string Nonce { get; set; } = "";

    /// <summary>Whether the client has not answered the last response yet.</summary>
    public bool Awaiting { get; set; }

    public string? Rejection { get; set; }

    public bool Wants(DeltaResource resource) =>
        Wildcard || Names.Contains(resource.Name) || resource.Aliases.Any(Names.Contains);
}
