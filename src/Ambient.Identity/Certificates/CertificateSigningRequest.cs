using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ambient.Api;

namespace Ambient.Identity.Certificates;

/// <summary>The request that Istio's CA expects: P-256 and SHA-256, no subject, one critical URI name.</summary>
internal static class CertificateSigningRequest
{
    /// <summary>A PEM block for a key and an identity.</summary>
    public static string Create(ECDsa key, SpiffeId identity)
    {
        var request = new CertificateRequest(new X500DistinguishedName(""), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509Extension("2.5.29.17", Names(identity), critical: true));
        return PemEncoding.WriteString("CERTIFICATE REQUEST", request.CreateSigningRequest()) + "\n";
    }

    /// <summary>Written by hand: the framework's builder changes the spelling of URIs.</summary>
    private static byte[] Names(SpiffeId identity)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteCharacterString(
                UniversalTagNumber.IA5String, identity.ToString(), new Asn1Tag(TagClass.ContextSpecific, 6));
        }

        return writer.Encode();
    }
}
