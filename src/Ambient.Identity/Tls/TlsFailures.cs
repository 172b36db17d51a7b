using System.Runtime.InteropServices;
using Ambient.Identity.OpenSsl;
using Ambient.Identity.Tls.Records;

namespace Ambient.Identity.Tls;

/// <summary>Turns OpenSSL's errors into ours, with words on what to look at.</summary>
internal static class TlsFailures
{
    /// <summary>Received alerts are this much more than their number (SSL_AD_REASON_OFFSET).</summary>
    private const int AlertOffset = 1000;

    /// <summary>Reads the thread's error queue after a call failed.</summary>
    public static TlsException FromQueue(int sslError, bool duringHandshake)
    {
        var first = LibCrypto.ERR_get_error();
        if (first == 0)
        {
            return sslError is LibSsl.ErrorSystemCall or LibSsl.ErrorZeroReturn or LibSsl.ErrorWantRead
                ? Closed(duringHandshake)
                : new TlsException(TlsFailure.Protocol, $"TLS failed without a reason (SSL error {sslError}).");
        }

        var text = OpenSslErrors.Describe(first);
        LibCrypto.ERR_clear_error();
        return OpenSslErrors.Reason(first) switch
        {
            294 => Closed(duringHandshake), // SSL_R_UNEXPECTED_EOF_WHILE_READING
            199 => new TlsException(
                TlsFailure.NoPeerCertificate,
                "The client sent no certificate; HBONE needs mutual TLS. Is it a mesh proxy, with a certificate of this mesh?"),
            // SSL_R_UNSUPPORTED_PROTOCOL, _NO_SHARED_CIPHER, _NO_APPLICATION_PROTOCOL, _NO_SUITABLE_KEY_SHARE, _VERSION_TOO_LOW
            258 or 193 or 235 or 101 or 396 => new TlsException(
                TlsFailure.NothingInCommon,
                $"Nothing in common with the peer ({text}); we speak TLS 1.3 with AES-GCM and ALPN h2."),
            var reason and > AlertOffset and <= AlertOffset + 255 => FromAlert((byte)(reason - AlertOffset)),
            _ => new TlsException(
                TlsFailure.Protocol,
                duringHandshake
                    ? $"The TLS handshake failed ({text}); the peer may not speak TLS, or something between us changes bytes."
                    : $"The TLS session broke ({text}); something between us may change bytes."),
        };
    }

    /// <summary>Explains an alert that ended the session.</summary>
    public static TlsException FromAlert(byte alert)
    {
        var text = $"alert {alert}, {Marshal.PtrToStringUTF8(LibSsl.SSL_alert_desc_string_long(alert)) ?? "unknown"}";
        return alert switch
        {
            // protocol_version, handshake_failure and no_application_protocol are about settings.
            70 or 40 or 120 => new TlsException(
                TlsFailure.NothingInCommon,
                $"The peer refused the handshake ({text}); we speak TLS 1.3 with AES-GCM and ALPN h2, and the peer may not."),
            _ => new TlsException(
                TlsFailure.RefusedByPeer,
                $"The peer refused us ({text}); its log says why. It may not trust our CA, or not expect our identity."),
        };
    }

    /// <summary>Explains what a peer's record broke the session with.</summary>
    public static TlsException FromRecord(AlertException wrong) => new(
        TlsFailure.Protocol, $"The TLS session broke: {wrong.Message}; the peer is at fault, or something between us changes bytes.");

    /// <summary>Explains why OpenSSL refused a certificate of the peer's chain.</summary>
    /// <param name="code">X509_V_ERR_….</param>
    /// <param name="depth">0 is the peer's own certificate, higher numbers its issuers.</param>
    /// <param name="role">Our role.</param>
    public static TlsException FromVerification(int code, int depth, TlsRole role)
    {
        var peer = role == TlsRole.Client ? "server" : "client";
        var which = depth == 0 ? $"The {peer}'s certificate" : $"Certificate {depth} above the {peer}'s own";
        var text = Marshal.PtrToStringUTF8(LibCrypto.X509_verify_cert_error_string(code)) ?? $"X.509 error {code}";
        return code switch
        {
            9 or 10 => new TlsException(
                TlsFailure.PeerCertificateNotValidNow,
                $"{which} is not valid now ({text}). Compare the clocks of both nodes; its renewal may be failing."),
            23 => new TlsException(TlsFailure.PeerCertificateRevoked, $"{which} is revoked."),
            26 => new TlsException(
                TlsFailure.UntrustedPeer, $"{which} may not be used as a {peer}'s ({text}): its extended key usage leaves that out."),
            _ => new TlsException(
                TlsFailure.UntrustedPeer,
                $"{which} cannot be trusted ({text}): it does not chain to the roots that our CA gave us. "
                + "Both ends have to trust the same CA."),
        };
    }

    private static TlsException Closed(bool duringHandshake) => duringHandshake
        ? new TlsException(
            TlsFailure.ClosedDuringHandshake,
            "The peer closed the connection during the TLS handshake; its log may say why.")
        : new TlsException(TlsFailure.Truncated, "The connection ended without close_notify.");
}
