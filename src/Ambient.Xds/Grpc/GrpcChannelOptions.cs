using System.Security.Cryptography.X509Certificates;

namespace Ambient.Xds.Grpc;

/// <summary>How a channel connects, whom it trusts, and what it sends along.</summary>
public sealed record GrpcChannelOptions
{
    /// <summary>
    /// The roots that the server's certificate must chain to; asked for at every connection, so that new roots take effect without a
    /// restart. Null means the roots of the system.
    /// </summary>
    public Func<CancellationToken, ValueTask<X509Certificate2Collection>>? RootCertificates { get; init; }

    /// <summary>Another name that the server's certificate may carry.</summary>
    public string? AlternativeHostname { get; init; }

    /// <summary>Headers of every call, asked for at each (tokens rotate). Names in lower case.</summary>
    public Func<CancellationToken, ValueTask<IReadOnlyList<KeyValuePair<string, string>>>>? Metadata { get; init; }

    /// <summary>Largest message that is accepted. The default is that of gRPC implementations; the delta client asks for 200 MiB.</summary>
    public int MaxReceiveBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>For TCP and TLS together, as ztunnel has it.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A PING goes out after this much silence, as Istio's clients have it.</summary>
    public TimeSpan KeepAliveDelay { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A connection whose PING is not answered for this long is dead.</summary>
    public TimeSpan KeepAliveTimeout { get; init; } = TimeSpan.FromSeconds(10);
}
