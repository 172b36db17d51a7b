using System.Text;
using Ambient.Http.Fields;

namespace Ambient.Http.Rules;

/// <summary><c>te</c> (RFC 9110 §10.1.4): all that goes on is whether trailers are taken; transfer codings are between neighbours.</summary>
internal static class TeField
{
    public static bool TakesTrailers(ReadOnlySpan<byte> value)
    {
        foreach (var range in value.Split((byte)','))
        {
            if (Ascii.EqualsIgnoreCase(FieldSyntax.Trim(value[range]), "trailers"u8))
            {
                return true;
            }
        }

        return false;
    }
}
