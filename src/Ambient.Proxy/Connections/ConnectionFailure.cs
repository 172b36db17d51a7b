namespace Ambient.Proxy.Connections;

/// <summary>Why a connection failed, as the metrics' label <c>response_flags</c> says it.</summary>
public enum ConnectionFailure
{
    /// <summary>It did not.</summary>
    None,

    /// <summary>A policy refused it.</summary>
    Denied,

    /// <summary>The peer could not be reached, or refused, or it failed in a way that has no flag of its own.</summary>
    Connect,

    /// <summary>No TLS session with the peer.</summary>
    Tls,

    /// <summary>The peer spoke TLS but no HTTP/2.</summary>
    Http2Handshake,

    /// <summary>Nobody answered on the tunnel's port: a NetworkPolicy may drop it.</summary>
    NetworkPolicy,

    /// <summary>The waypoint that has to be passed is missing or has no endpoint.</summary>
    NoWaypoint,

    /// <summary>No certificate of our own.</summary>
    Identity,

    /// <summary>The peer's certificate, or ours, is revoked.</summary>
    CertificateRevoked,
}

/// <summary>The text of each flag.</summary>
public static class ResponseFlags
{
    /// <summary>As dashboards know it.</summary>
    public static string Of(ConnectionFailure failure) => failure switch
    {
        ConnectionFailure.None => "-",
        ConnectionFailure.Denied => "DENY",
        ConnectionFailure.Tls => "TLS_FAILURE",
        ConnectionFailure.Http2Handshake => "H2_HANDSHAKE_FAILURE",
        ConnectionFailure.NetworkPolicy => "NETWORK_POLICY",
        ConnectionFailure.NoWaypoint => "NO_WAYPOINT",
        ConnectionFailure.Identity => "IDENTITY_ERROR",
        ConnectionFailure.CertificateRevoked => "CERT_REVOKED",
        _ => "CONNECT",
    };
}
