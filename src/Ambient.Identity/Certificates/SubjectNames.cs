using System.Formats.Asn1;
using System.Security.Cryptography;
using Ambient.Api;

namespace Ambient.Identity.Certificates;

/// <summary>The subject alternative names extension (RFC 5280 §4.2.1.6), as far as identities need it.</summary>
internal static class SubjectNames
{
    private static readonly Asn1Tag Uri = new(TagClass.ContextSpecific, 6);

    /// <summary>The URI names of an extension's value, in order.</summary>
    /// <exception cref="CryptographicException">The value is not DER of this extension.</exception>
    public static List<string> ReadUris(ReadOnlyMemory<byte> extension)
    {
        try
        {
            var uris = new List<string>(1);
            var names = new AsnReader(extension, AsnEncodingRules.DER).ReadSequence();
            while (names.HasData)
            {
                if (names.PeekTag().HasSameClassAndValue(Uri))
                {
                    uris.Add(names.ReadCharacterString(UniversalTagNumber.IA5String, Uri));
                }
                else
                {
                    names.ReadEncodedValue();
                }
            }

            return uris;
        }
        catch (AsnContentException exception)
        {
            throw new CryptographicException("The subject alternative names cannot be read.", exception);
        }
    }

    /// <summary>The first that is a SPIFFE ID; others are passed over.</summary>
    public static SpiffeId? FirstIdentity(IReadOnlyList<string> uris)
    {
        foreach (var uri in uris)
        {
            if (SpiffeId.TryParse(uri, out var id))
            {
                return id;
            }
        }

        return null;
    }
}
