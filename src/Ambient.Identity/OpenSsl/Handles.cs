using System.Runtime.InteropServices;

namespace Ambient.Identity.OpenSsl;

/// <summary>An SSL_CTX. Sessions made from it hold a reference of their own, so it may be disposed before them.</summary>
internal sealed class SslContextHandle : SafeHandle
{
    public SslContextHandle(nint handle)
        : base(0, ownsHandle: true) => SetHandle(handle);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        LibSsl.SSL_CTX_free(handle);
        return true;
    }
}

/// <summary>An SSL with its BIO.</summary>
internal sealed class SslHandle : SafeHandle
{
    public SslHandle(nint handle)
        : base(0, ownsHandle: true) => SetHandle(handle);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        LibSsl.SSL_free(handle);
        return true;
    }
}

/// <summary>An EVP_PKEY; OpenSSL wipes private keys when it frees them.</summary>
internal sealed class KeyHandle : SafeHandle
{
    public KeyHandle(nint handle)
        : base(0, ownsHandle: true) => SetHandle(handle);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        LibCrypto.EVP_PKEY_free(handle);
        return true;
    }
}

/// <summary>An X509.</summary>
internal sealed class X509Handle : SafeHandle
{
    private X509Handle(nint handle)
        : base(0, ownsHandle: true) => SetHandle(handle);

    public override bool IsInvalid => handle == 0;

    /// <exception cref="OpenSslException">The bytes are not a certificate.</exception>
    public static unsafe X509Handle FromDer(ReadOnlySpan<byte> der)
    {
        fixed (byte* start = der)
        {
            var position = start;
            var certificate = LibCrypto.d2i_X509(0, &position, der.Length);
            return certificate != 0 ? new X509Handle(certificate) : throw OpenSslException.FromQueue("read a certificate");
        }
    }

    protected override bool ReleaseHandle()
    {
        LibCrypto.X509_free(handle);
        return true;
    }
}

/// <summary>An EVP_CIPHER_CTX; OpenSSL wipes its key when it frees it.</summary>
internal sealed class CipherHandle : SafeHandle
{
    public CipherHandle()
        : base(0, ownsHandle: true)
    {
        SetHandle(LibCrypto.EVP_CIPHER_CTX_new());
        if (IsInvalid)
        {
            throw OpenSslException.FromQueue("make a cipher context");
        }
    }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        LibCrypto.EVP_CIPHER_CTX_free(handle);
        return true;
    }
}
