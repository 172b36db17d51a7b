using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Ambient.Api;
using Ambient.Identity.Certificates;
using Ambient.Identity.OpenSsl;

namespace Ambient.Identity.Tls;

/// <summary>
/// The settings of one identity in one role, shared by its connections: TLS 1.3, AES-GCM, ALPN h2, both sides authenticated,
/// no server name, no resumption. Rotation makes a new context; a connection keeps the one it began with.
/// </summary>
public sealed class TlsContext : IDisposable
{
    private const string Aes128 = "TLS_AES_128_GCM_SHA256";
    private const string Aes256 = "TLS_AES_256_GCM_SHA384";

    private static readonly byte[] Alpn = [2, (byte)'h', (byte)'2'];

    private readonly byte[] _trust;

    private TlsContext(SslContextHandle handle, TlsRole role, SpiffeId identity, byte[] trust, TlsOptions options)
    {
        Handle = handle;
        Role = role;
        Identity = identity;
        _trust = trust;
        Options = options;
    }

    /// <summary>Which side it is for.</summary>
    public TlsRole Role { get; }

    /// <summary>Whose certificate it presents.</summary>
    public SpiffeId Identity { get; }

    internal SslContextHandle Handle { get; }

    internal TlsOptions Options { get; }

    /// <summary>A digest of everything that its verdicts about chains rest on, but for chain, role and time: the roots.</summary>
    internal ReadOnlySpan<byte> Trust => _trust;

    /// <summary>Verdicts that contexts share.</summary>
    internal VerifiedChains Verified => Options.Verified;

    /// <summary>Makes a context.</summary>
    /// <exception cref="OpenSslException">A certificate cannot be read or the key does not fit.</exception>
    public static TlsContext Create(
        TlsRole role,
        SpiffeId identity,
        IReadOnlyList<CertificateDetails> chain,
        IReadOnlyList<CertificateDetails> roots,
        PrivateKey key,
        TlsOptions options)
    {
        LibCrypto.ERR_clear_error();
        var handle = new SslContextHandle(LibSsl.SSL_CTX_new(LibSsl.TLS_method()));
        Check(!handle.IsInvalid, "make a TLS context");
        try
        {
            var context = handle.DangerousGetHandle();
            Configure(context, role, options);
            Present(context, chain, key);
            return new TlsContext(handle, role, identity, TrustRoots(context, roots), options);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Handle.Dispose();

    private static unsafe void Configure(nint context, TlsRole role, TlsOptions options)
    {
        Check(LibSsl.SSL_CTX_ctrl(context, LibSsl.CtrlMinVersion, LibSsl.Tls13, 0) == 1, "require TLS 1.3");
        Check(LibSsl.SSL_CTX_ctrl(context, LibSsl.CtrlMaxVersion, LibSsl.Tls13, 0) == 1, "require TLS 1.3");
        var suites = options.PreferredCipher == TlsCipher.Aes128Gcm ? $"{Aes128}:{Aes256}" : $"{Aes256}:{Aes128}";
        Check(LibSsl.SSL_CTX_set_ciphersuites(context, suites) == 1, "choose the cipher suites");
        LibSsl.SSL_CTX_set_options(context, LibSsl.Options);
        LibSsl.SSL_CTX_ctrl(context, LibSsl.CtrlMode, LibSsl.Modes, 0);
        LibSsl.SSL_CTX_ctrl(context, LibSsl.CtrlSessionCacheMode, 0, 0);
        LibSsl.SSL_CTX_set_num_tickets(context, 0);
        if (options.Records == TlsRecordLayer.Evp)
        {
            LibSsl.SSL_CTX_set_keylog_callback(context, &TlsSession.TakeSecret);
        }

        LibSsl.SSL_CTX_set_verify(context, LibSsl.VerifyPeerAlways, 0);
        LibSsl.SSL_CTX_set_cert_verify_callback(context, &TlsSession.VerifyChain, 0);
        if (role == TlsRole.Server)
        {
            LibSsl.SSL_CTX_set_alpn_select_cb(context, &SelectProtocol, 0);
        }
        else
        {
            fixed (byte* alpn = Alpn)
            {
                Check(LibSsl.SSL_CTX_set_alpn_protos(context, alpn, (uint)Alpn.Length) == 0, "set ALPN h2");
            }
        }
    }

    private static void Present(nint context, IReadOnlyList<CertificateDetails> chain, PrivateKey key)
    {
        for (var index = 0; index < chain.Count; index++)
        {
            using var certificate = X509Handle.FromDer(chain[index].Der.Span);
            var added = index == 0
                ? LibSsl.SSL_CTX_use_certificate(context, certificate.DangerousGetHandle())
                : LibSsl.SSL_CTX_ctrl(context, LibSsl.CtrlChainCertificate, 1, certificate.DangerousGetHandle());
            Check(added == 1, $"use certificate {index} of the chain");
        }

        Check(LibSsl.SSL_CTX_use_PrivateKey(context, key.Handle.DangerousGetHandle()) == 1, "use the private key with the leaf");
        Check(LibSsl.SSL_CTX_check_private_key(context) == 1, "match the private key to the leaf");
    }

    /// <returns>A digest of the roots.</returns>
    private static byte[] TrustRoots(nint context, IReadOnlyList<CertificateDetails> roots)
    {
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var store = LibSsl.SSL_CTX_get_cert_store(context);
        foreach (var root in roots)
        {
            using var certificate = X509Handle.FromDer(root.Der.Span);
            Check(LibCrypto.X509_STORE_add_cert(store, certificate.DangerousGetHandle()) == 1, "trust a root certificate");
            digest.AppendData(SHA256.HashData(root.Der.Span));
        }

        LibCrypto.X509_VERIFY_PARAM_set_flags(LibSsl.SSL_CTX_get0_param(context), LibCrypto.VerifyPartialChain);
        return digest.GetHashAndReset();
    }

    /// <summary>A client that offers protocols has to offer h2; one that offers none is taken to speak it.</summary>
    [UnmanagedCallersOnly]
    private static unsafe int SelectProtocol(nint ssl, byte** selected, byte* selectedLength, byte* offered, uint length, nint unused)
    {
        const int Accept = 0;
        const int Fatal = 2;
        for (uint at = 0; at < length && at + 1 + offered[at] <= length; at += 1u + offered[at])
        {
            if (new ReadOnlySpan<byte>(offered + at, offered[at] + 1).SequenceEqual(Alpn))
            {
                *selected = offered + at + 1;
                *selectedLength = offered[at];
                return Accept;
            }
        }

        return Fatal;
    }

    private static void Check(bool done, string operation)
    {
        if (!done)
        {
            throw OpenSslException.FromQueue(operation);
        }
    }
}
