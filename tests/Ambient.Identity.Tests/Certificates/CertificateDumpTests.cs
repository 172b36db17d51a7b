using System.Text;
using System.Text.Json;
using Ambient.Identity.Certificates;

namespace Ambient.Identity.Tests.Certificates;

/// <summary>Our dump has the recorded one's form: every property, of the same kind and spelling.</summary>
public sealed class CertificateDumpTests
{
    [Fact]
    public void It_has_the_form_of_the_recorded_one()
    {
        using var authority = new TestAuthority();
        using var certificate = authority.Certificate("spiffe://cluster.local/ns/shop/sa/client");
        var ours = Dump(new CertificateStatus(certificate.Identity, CertificateState.Available, certificate, null, null));
        var recorded = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden/ztunnel/config_dump.json")))
            .RootElement.GetProperty("certificates");
        Assert.Equal(Shape(recorded), Shape(ours));
        Assert.Equal(recorded[0].GetProperty("identity").GetString(), ours[0].GetProperty("identity").GetString());
        Assert.Equal(recorded[0].GetProperty("state").GetString(), ours[0].GetProperty("state").GetString());

        var leaf = ours[0].GetProperty("certChain")[0];
        var pem = Encoding.ASCII.GetString(leaf.GetProperty("pem").GetBytesFromBase64());
        Assert.Equal(certificate.Chain[0].Der.ToArray(), CertificateDetails.ReadPem(pem)[0].Der.ToArray());
        Assert.Equal(certificate.NotAfter, leaf.GetProperty("expirationTime").GetDateTimeOffset());
    }

    [Fact]
    public void Without_a_certificate_it_says_why()
    {
        var id = new Ambient.Api.SpiffeId("cluster.local", "shop", "web");
        var ours = Dump(new CertificateStatus(id, CertificateState.Unavailable, null, "the CA is down", null));
        Assert.Equal("Unavailable: the CA is down", ours[0].GetProperty("state").GetString());
        Assert.Equal(0, ours[0].GetProperty("certChain").GetArrayLength());
    }

    private static JsonElement Dump(params CertificateStatus[] certificates)
    {
        var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            CertificateDump.Write(json, certificates);
        }

        return JsonDocument.Parse(buffer.ToArray()).RootElement;
    }

    /// <summary>Names sorted, values replaced by their kind: text of digits, of a time, or other text.</summary>
    private static string Shape(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "{" + string.Join(",", value.EnumerateObject().OrderBy(property => property.Name, StringComparer.Ordinal)
            .Select(property => $"{property.Name}:{Shape(property.Value)}")) + "}",
        JsonValueKind.Array => "[" + string.Join(",", value.EnumerateArray().Select(Shape)) + "]",
        JsonValueKind.String when value.GetString()!.All(char.IsAsciiDigit) => "digits",
        JsonValueKind.String when value.TryGetDateTimeOffset(out _) => $"time of {value.GetString()!.Length}",
        _ => value.ValueKind.ToString(),
    };
}
