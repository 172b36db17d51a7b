using System.Net;
using Ambient.Mesh.Explanation;

namespace Ambient.Cli.Explain;

/// <summary>A mesh whose proxies can be asked: one that runs, or one that manifests describe.</summary>
internal interface IExplainedMesh : IAsyncDisposable
{
    /// <summary>The workload that somebody named.</summary>
    /// <exception cref="CliException">There is none; says which there are.</exception>
    Task<Place> FindAsync(string text, CancellationToken ct);

    /// <summary>The address that a destination means to a client.</summary>
    /// <exception cref="CliException">It means none.</exception>
    Task<IPEndPoint> ResolveAsync(DestinationName destination, Place client, CancellationToken ct);

    /// <summary>Asks a proxy.</summary>
    /// <param name="question">What.</param>
    /// <param name="node">The node whose proxy is asked about a connection.</param>
    /// <param name="ct">Ends the wait.</param>
    Task<HopAnswer> AskAsync(HopQuestion question, string node, CancellationToken ct);
}
