using System.Text;
using System.Text.Json;

namespace Ambient.Identity.Certificates;

/// <summary>The certificates of the configuration dump, in the form that <c>istioctl ztunnel-config certificates</c> reads.</summary>
public static class CertificateDump
{
    /// <summary>Writes an array with an object for each identity.</summary>
    public static void Write(Utf8JsonWriter json, IEnumerable<CertificateStatus> certificates)
    {
        json.WriteStartArray();
        foreach (var status in certificates)
        {
            json.WriteStartObject();
            json.WriteString("identity", status.Identity.ToString());
            json.WriteString("state", status.StateText);
            WriteChain(json, "certChain", status.Certificate?.Chain ?? []);
            WriteChain(json, "rootCerts", status.Certificate?.Roots ?? []);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteChain(Utf8JsonWriter json, string name, IReadOnlyList<CertificateDetails> chain)
    {
        json.WriteStartArray(name);
        foreach (var certificate in chain)
        {
            json.WriteStartObject();
            json.WriteBase64String("pem", Encoding.ASCII.GetBytes(certificate.ToPem() + "\n"));
            json.WriteString("serialNumber", certificate.SerialNumber);
            json.WriteString("validFrom", certificate.NotBefore.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'"));
            json.WriteString("expirationTime", certificate.NotAfter.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'"));
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
