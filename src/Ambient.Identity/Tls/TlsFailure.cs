namespace Ambient.Identity.Tls;

/// <summary>Why a TLS session could not be made, or broke.</summary>
public enum TlsFailure
{
    /// <summary>The peer broke the TLS protocol, or does not speak it.</summary>
    Protocol,

    /// <summary>No common version, cipher suite, group or application protocol.</summary>
    NothingInCommon,

    /// <summary>The handshake did not end within its time.</summary>
    HandshakeTimeout,

    /// <summary>More handshakes are under way than may be.</summary>
    TooManyHandshakes,

    /// <summary>The peer closed the connection before the handshake was over.</summary>
    ClosedDuringHandshake,

    /// <summary>The peer refused us with an alert, as for a certificate it does not trust.</summary>
    RefusedByPeer,

    /// <summary>The client sent no certificate.</summary>
    NoPeerCertificate,

    /// <summary>The peer's certificate does not chain to our roots, or is not made for its role.</summary>
    UntrustedPeer,

    /// <summary>A certificate in the peer's chain has expired, or is not valid yet.</summary>
    PeerCertificateNotValidNow,

    /// <summary>A certificate in the peer's chain is revoked.</summary>
    PeerCertificateRevoked,

    /// <summary>The certificate is good but its identity is not one that we expect here.</summary>
    WrongPeerIdentity,

    /// <summary>The connection ended without close_notify: what was received may be cut short.</summary>
    Truncated,

    /// <summary>The network connection broke.</summary>
    ConnectionLost,
}
