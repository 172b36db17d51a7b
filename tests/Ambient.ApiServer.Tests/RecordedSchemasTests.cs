using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;

namespace Ambient.ApiServer.Tests;

/// <summary>What the structure of Istio's resources lets through and what not, as the real definitions do.</summary>
public sealed class RecordedSchemasTests
{
    /// <summary>Kinds that the mesh does not follow have no definition here.</summary>
    private static readonly Dictionary<string, string> Collections = new(StringComparer.Ordinal)
    {
        ["VirtualService"] = "networking.istio.io/v1/namespaces/{0}/virtualservices",
        ["DestinationRule"] = "networking.istio.io/v1/namespaces/{0}/destinationrules",
        ["ServiceEntry"] = "networking.istio.io/v1/namespaces/{0}/serviceentries",
        ["WorkloadEntry"] = "networking.istio.io/v1/namespaces/{0}/workloadentries",
        ["AuthorizationPolicy"] = "security.istio.io/v1/namespaces/{0}/authorizationpolicies",
        ["PeerAuthentication"] = "security.istio.io/v1/namespaces/{0}/peerauthentications",
    };

    [Fact]
    public async Task Every_recorded_resource_meets_the_recorded_verdict()
    {
        await using var server = await ApiServer.StartAsync(new ApiServerOptions { Controllers = false });
        using var client = new HttpClient(new SocketsHttpHandler
        {
            SslOptions = new()
            {
                CertificateChainPolicy = new()
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust,
                    CustomTrustStore = { X509Certificate2.CreateFromPem(server.CertificateAuthorityPem) },
                    RevocationMode = X509RevocationMode.NoCheck,
                },
            },
        })
        {
            BaseAddress = server.Url,
            DefaultRequestHeaders = { Authorization = new("Bearer", server.AdminToken) },
        };
        foreach (var ns in new[] { "shop", "istio-system" })
        {
            Assert.Equal("accepted", await VerdictAsync(client, "/api/v1/namespaces", new JsonObject { ["metadata"] = new JsonObject { ["name"] = ns } }));
        }

        var verdicts = (await File.ReadAllLinesAsync(Path.Combine(AppContext.BaseDirectory, "Golden", "verdicts.jsonl"))).Select(line => JsonNode.Parse(line)!).ToList();
        Assert.Equal(161, verdicts.Count);
        var differences = new List<string>();
        var compared = 0;
        foreach (var verdict in verdicts)
        {
            var resource = verdict["object"]!;
            if (!Collections.TryGetValue((string)resource["kind"]!, out var collection))
            {
                continue;
            }

            resource["metadata"]!["name"] = $"x{++compared}";
            var ours = await VerdictAsync(client, "/apis/" + string.Format(CultureInfo.InvariantCulture, collection, (string?)resource["metadata"]!["namespace"]), resource);
            if (ours != Text(verdict["crdSchema"]!))
            {
                differences.Add($"{verdict["title"]}: recorded {Text(verdict["crdSchema"]!)}, ours {ours}");
            }
        }

        Assert.True(differences.Count == 0 && compared > 100, $"{compared} compared\n{string.Join('\n', differences)}");
    }

    private static async Task<string> VerdictAsync(HttpClient client, string path, JsonNode resource)
    {
        using var body = new StringContent(resource.ToJsonString(), Encoding.UTF8, "application/json");
        using var response = await client.PostAsync(new Uri(path, UriKind.Relative), body);
        if (response.IsSuccessStatusCode)
        {
            return "accepted";
        }

        var answer = JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
        return $"{(int)response.StatusCode} {string.Join(' ', (answer["details"]?["causes"] as JsonArray ?? []).Select(cause => (string?)cause!["field"]))}";
    }

    private static string Text(JsonNode verdict) =>
        verdict is JsonObject refused ? $"{refused["status"]} {string.Join(' ', refused["fields"]!.AsArray())}" : (string)verdict!;
}
