namespace Ambient.Identity.Tls;

/// <summary>What can be chosen about the TLS of a process.</summary>
public sealed record TlsOptions
{
    /// <summary>What is best on the machines that we measured (docs/performance.md).</summary>
    public static TlsOptions Default { get; } = new();

    /// <summary>Who makes and opens the records of an established connection.</summary>
    public TlsRecordLayer Records { get; init; } = TlsRecordLayer.Evp;

    /// <summary>
    /// The cipher that is offered first when we connect; the other one is offered second. When we accept, the client's order
    /// counts.
    /// </summary>
    public TlsCipher PreferredCipher { get; init; } = TlsCipher.Aes128Gcm;

    /// <summary>Verdicts about peers' chains.</summary>
    internal VerifiedChains Verified { get; init; } = VerifiedChains.OfProcess;

    /// <summary>
    /// Records after which a key is replaced: the power of two below the 2^24.5 that RFC 8446 §5.5 allows AES-GCM, 256 GiB of full
    /// ones.
    /// </summary>
    internal ulong RecordsPerKey { get; init; } = 1UL << 24;
}

/// <summary>Who makes and opens the records of an established connection.</summary>
public enum TlsRecordLayer
{
    /// <summary>We frame them, and OpenSSL's ciphers work in place: no copies, and no libssl session after the handshake.</summary>
    Evp,

    /// <summary>libssl does all of it.</summary>
    LibSsl,
}

/// <summary>The ciphers that we speak (RFC 8446 §B.4).</summary>
public enum TlsCipher
{
    /// <summary>TLS_AES_128_GCM_SHA256.</summary>
    Aes128Gcm,

    /// <summary>TLS_AES_256_GCM_SHA384.</summary>
    Aes256Gcm,
}
