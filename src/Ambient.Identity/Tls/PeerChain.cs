using System.Security.Cryptography;
using Ambient.Identity.Certificates;
using Ambient.Identity.OpenSsl;

namespace Ambient.Identity.Tls;

/// <summary>A chain that a peer presents, while OpenSSL asks for its verdict (an X509_STORE_CTX, set up for our trust and role).</summary>
internal readonly unsafe ref struct PeerChain(nint store, TlsContext context)
{
    /// <summary>A chain that is longer, in bytes, is verified each time; it is not what CAs of meshes issue.</summary>
    private const int LongestRemembered = 8 * 1024;

    /// <summary>OpenSSL's times are differences: this is what they are counted from, 1970-01-01T00:00:00Z.</summary>
    private static readonly nint Epoch = LibCrypto.ASN1_TIME_set(0, 0);

    /// <summary>Verifies it, or remembers that it was.</summary>
    /// <returns>Null if it is refused; the store says why.</returns>
    /// <exception cref="CryptographicException">The leaf's names cannot be read.</exception>
    public VerifiedChain? Verify()
    {
        Span<byte> subject = stackalloc byte[LongestRemembered];
        if (!TryDescribe(subject, out var length))
        {
            return VerifyNow();
        }

        var key = VerifiedChainKey.Of(subject[..length]);
        if (context.Verified.Find(key) is { } known)
        {
            LibCrypto.X509_STORE_CTX_set_error(store, 0);
            return known;
        }

        var verified = VerifyNow();
        if (verified is not null)
        {
            context.Verified.Add(key, verified);
        }

        return verified;
    }

    /// <summary>Writes what the verdict depends on, but for the time: our trust, our role, and every certificate presented, in order.</summary>
    private bool TryDescribe(Span<byte> subject, out int length)
    {
        context.Trust.CopyTo(subject);
        subject[context.Trust.Length] = (byte)context.Role;
        length = context.Trust.Length + 1;
        var presented = LibCrypto.X509_STORE_CTX_get0_untrusted(store);
        for (var index = 0; index < LibCrypto.OPENSSL_sk_num(presented); index++)
        {
            var certificate = LibCrypto.OPENSSL_sk_value(presented, index);
            var size = LibCrypto.i2d_X509(certificate, null);
            if (size <= 0 || size > subject.Length - length)
            {
                return false;
            }

            fixed (byte* start = subject[length..])
            {
                var position = start;
                length += LibCrypto.i2d_X509(certificate, &position);
            }
        }

        return true;
    }

    private VerifiedChain? VerifyNow()
    {
        if (LibCrypto.X509_verify_cert(store) != 1)
        {
            return null;
        }

        var notBefore = DateTimeOffset.MinValue;
        var notAfter = DateTimeOffset.MaxValue;
        var chain = LibCrypto.X509_STORE_CTX_get0_chain(store);
        for (var index = 0; index < LibCrypto.OPENSSL_sk_num(chain); index++)
        {
            var certificate = LibCrypto.OPENSSL_sk_value(chain, index);
            var begin = Read(LibCrypto.X509_get0_notBefore(certificate));
            var end = Read(LibCrypto.X509_get0_notAfter(certificate));
            notBefore = begin > notBefore ? begin : notBefore;
            notAfter = end < notAfter ? end : notAfter;
        }

        return new VerifiedChain(notBefore, notAfter, ReadUris(LibCrypto.X509_STORE_CTX_get0_cert(store)));
    }

    private static DateTimeOffset Read(nint time)
    {
        int days;
        int seconds;
        return LibCrypto.ASN1_TIME_diff(&days, &seconds, Epoch, time) == 1
            ? DateTimeOffset.UnixEpoch.AddDays(days).AddSeconds(seconds)
            : throw new CryptographicException("A certificate's validity cannot be read.");
    }

    private static List<string> ReadUris(nint leaf)
    {
        var index = LibCrypto.X509_get_ext_by_NID(leaf, LibCrypto.SubjectAlternativeNames, -1);
        if (index < 0)
        {
            return [];
        }

        var data = LibCrypto.X509_EXTENSION_get_data(LibCrypto.X509_get_ext(leaf, index));
        var der = new ReadOnlySpan<byte>(LibCrypto.ASN1_STRING_get0_data(data), LibCrypto.ASN1_STRING_length(data));
        return SubjectNames.ReadUris(der.ToArray());
    }
}
