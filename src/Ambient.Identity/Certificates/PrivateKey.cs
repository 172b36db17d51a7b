using System.Security.Cryptography;
using Ambient.Identity.OpenSsl;

namespace Ambient.Identity.Certificates;

/// <summary>
/// A private key, held by OpenSSL alone: the managed copy that it came from is wiped, and OpenSSL wipes its own when the
/// last user is gone. It is never written anywhere.
/// </summary>
public sealed class PrivateKey : IDisposable
{
    private PrivateKey(KeyHandle handle) => Handle = handle;

    internal KeyHandle Handle { get; }

    /// <summary>Takes over a PKCS#8 (or SEC 1, PKCS#1) key in DER.</summary>
    /// <param name="der">The key; overwritten with zeros, whether it can be read or not.</param>
    /// <exception cref="OpenSslException">It is not a private key.</exception>
    public static unsafe PrivateKey TakeDer(Span<byte> der)
    {
        try
        {
            fixed (byte* start = der)
            {
                var position = start;
                LibCrypto.ERR_clear_error();
                var key = LibCrypto.d2i_AutoPrivateKey(0, &position, der.Length);
                return key != 0 ? new PrivateKey(new KeyHandle(key)) : throw OpenSslException.FromQueue("read a private key");
            }
        }
        finally
        {
            CryptographicOperations.ZeroMemory(der);
        }
    }

    /// <summary>Takes a copy of an elliptic-curve key.</summary>
    public static PrivateKey Copy(ECDsa key)
    {
        // Pinned, so that the collector leaves no second copy behind.
        var buffer = GC.AllocateArray<byte>(1024, pinned: true);
        return key.TryExportPkcs8PrivateKey(buffer, out var written)
            ? TakeDer(buffer.AsSpan(0, written))
            : throw new CryptographicException("The elliptic-curve key is larger than any supported curve's.");
    }

    /// <inheritdoc/>
    public void Dispose() => Handle.Dispose();
}
