using Ambient.Api.Discovery;

namespace Ambient.Xds.Delta;

/// <summary>
/// Cuts a response into parts whose concatenation on the wire is the response, so that a large one is encoded as the client takes it.
/// </summary>
internal static class ResponseParts
{
    /// <summary>Resources have about 1 KB, so a part is about what the writer passes on at once.</summary>
    private const int ResourcesPerPart = 64;

    public static List<DeltaDiscoveryResponse> Of(
        string version, string typeUrl, string nonce, IEnumerable<Resource> updates, IReadOnlyCollection<string> removals)
    {
        var parts = new List<DeltaDiscoveryResponse> { new() { SystemVersionInfo = version, TypeUrl = typeUrl, Nonce = nonce } };
        foreach (var chunk in updates.Chunk(ResourcesPerPart))
        {
            parts.Add(new DeltaDiscoveryResponse { Resources = { chunk } });
        }

        if (removals.Count > 0)
        {
            parts.Add(new DeltaDiscoveryResponse { RemovedResources = { removals } });
        }

        return parts;
    }
}
