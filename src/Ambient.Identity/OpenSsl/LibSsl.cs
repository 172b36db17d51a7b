using System.Runtime.InteropServices;

namespace Ambient.Identity.OpenSsl;

/// <summary>The part of libssl 3 that we use, under its own names (see its manual pages).</summary>
internal static unsafe partial class LibSsl
{
    internal const int Tls13 = 0x304;

    internal const int CtrlMode = 33;
    internal const int CtrlSessionCacheMode = 44;
    internal const int CtrlChainCertificate = 89;
    internal const int CtrlMinVersion = 123;
    internal const int CtrlMaxVersion = 124;

    /// <summary>
    /// SSL_MODE_ENABLE_PARTIAL_WRITE, _ACCEPT_MOVING_WRITE_BUFFER, _NO_AUTO_CHAIN (else libssl searches and verifies our own chain
    /// for each handshake, and sends the root with it) and _RELEASE_BUFFERS (an idle session holds no record buffers).
    /// </summary>
    internal const int Modes = 0x1 | 0x2 | 0x8 | 0x10;

    /// <summary>SSL_VERIFY_PEER and SSL_VERIFY_FAIL_IF_NO_PEER_CERT.</summary>
    internal const int VerifyPeerAlways = 0x1 | 0x2;

    /// <summary>
    /// SSL_OP_NO_TICKET, SSL_OP_NO_COMPRESSION, SSL_OP_NO_RENEGOTIATION, and SSL_OP_NO_TX_CERTIFICATE_COMPRESSION with its RX: 400
    /// bytes of certificate are not worth a compressor for each handshake. OpenSSL 3.0 has none of the latter and ignores them.
    /// </summary>
    internal const ulong Options = (1UL << 14) | (1UL << 17) | (1UL << 30) | (1UL << 32) | (1UL << 33);

    internal const int ErrorSsl = 1;
    internal const int ErrorWantRead = 2;
    internal const int ErrorWantWrite = 3;
    internal const int ErrorSystemCall = 5;
    internal const int ErrorZeroReturn = 6;

    private const string Library = "libssl.so.3";

    [LibraryImport(Library)]
    internal static partial nint TLS_method();

    [LibraryImport(Library)]
    internal static partial nint SSL_CTX_new(nint method);

    [LibraryImport(Library)]
    internal static partial void SSL_CTX_free(nint context);

    [LibraryImport(Library)]
    internal static partial nint SSL_CTX_ctrl(nint context, int command, nint number, nint pointer);

    [LibraryImport(Library)]
    internal static partial ulong SSL_CTX_set_options(nint context, ulong options);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int SSL_CTX_set_ciphersuites(nint context, string suites);

    [LibraryImport(Library)]
    internal static partial int SSL_CTX_set_num_tickets(nint context, nuint count);

    /// <returns>0 on success, unlike its neighbours.</returns>
    [LibraryImport(Library)]
    internal static partial int SSL_CTX_set_alpn_protos(nint context, byte* protocols, uint length);

    [LibraryImport(Library)]
    internal static partial void SSL_CTX_set_alpn_select_cb(
        nint context, delegate* unmanaged<nint, byte**, byte*, byte*, uint, nint, int> callback, nint argument);

    [LibraryImport(Library)]
    internal static partial void SSL_CTX_set_verify(nint context, int mode, nint callback);

    [LibraryImport(Library)]
    internal static partial void SSL_CTX_set_cert_verify_callback(
        nint context, delegate* unmanaged<nint, nint, int> callback, nint argument);

    [LibraryImport(Library)]
    internal static partial int SSL_CTX_use_certificate(nint context, nint certificate);

    [LibraryImport(Library)]
    internal static partial int SSL_CTX_use_PrivateKey(nint context, nint key);

    [LibraryImport(Library)]
    internal static partial int SSL_CTX_check_private_key(nint context);

    [LibraryImport(Library)]
    internal static partial nint SSL_CTX_get_cert_store(nint context);

    [LibraryImport(Library)]
    internal static partial nint SSL_CTX_get0_param(nint context);

    [LibraryImport(Library)]
    internal static partial nint SSL_new(nint context);

    [LibraryImport(Library)]
    internal static partial void SSL_free(nint ssl);

    [LibraryImport(Library)]
    internal static partial void SSL_set_bio(nint ssl, nint read, nint write);

    [LibraryImport(Library)]
    internal static partial void SSL_set_connect_state(nint ssl);

    [LibraryImport(Library)]
    internal static partial void SSL_set_accept_state(nint ssl);

    [LibraryImport(Library)]
    internal static partial int SSL_do_handshake(nint ssl);

    [LibraryImport(Library)]
    internal static partial int SSL_get_error(nint ssl, int result);

    [LibraryImport(Library)]
    internal static partial int SSL_read(nint ssl, byte* buffer, int length);

    [LibraryImport(Library)]
    internal static partial int SSL_write(nint ssl, byte* buffer, int length);

    [LibraryImport(Library)]
    internal static partial int SSL_shutdown(nint ssl);

    /// <summary>The line holds a secret of the session; OpenSSL wipes it after the call.</summary>
    [LibraryImport(Library)]
    internal static partial void SSL_CTX_set_keylog_callback(nint context, delegate* unmanaged<nint, byte*, void> callback);

    /// <summary>Whether bytes were read that belong to no record that was dealt with.</summary>
    [LibraryImport(Library)]
    internal static partial int SSL_has_pending(nint ssl);

    /// <returns>Static text.</returns>
    [LibraryImport(Library)]
    internal static partial nint SSL_alert_desc_string_long(int alert);
}
