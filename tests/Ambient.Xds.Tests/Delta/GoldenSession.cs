using System.Net;
using System.Text.Json.Nodes;
using Ambient.Api.Discovery;
using Ambient.Xds.Delta;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Address = Ambient.Api.Workloads.Address;
using Authorization = Ambient.Api.Security.Authorization;

namespace Ambient.Xds.Tests.Delta;

/// <summary>The recorded stream between a ztunnel and an istiod.</summary>
internal static class GoldenSession
{
    public static IReadOnlyList<JsonObject> Lines { get; } =
        [.. File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Golden/xds/session.jsonl")).Select(line => JsonNode.Parse(line)!.AsObject())];

    public static string Direction(JsonObject line) => (string)line["dir"]!;

    public static DeltaDiscoveryResponse Response(JsonObject line)
    {
        var response = new DeltaDiscoveryResponse { TypeUrl = (string)line["typeUrl"]!, Nonce = (string)line["nonce"]! };
        response.RemovedResources.AddRange(line["removed"]!.AsArray().Select(name => (string)name!));
        response.Resources.AddRange(line["resources"]!.AsArray().Select(resource => Resource(resource!.AsObject())));
        return response;
    }

    public static DeltaResource ToServed(Resource resource) =>
        new(resource.Name, resource.Version, resource.Resource_.TypeUrl, resource.Resource_.Value);

    /// <summary>A request as the recording writes it.</summary>
    public static JsonNode Json(DeltaDiscoveryRequest request) => JsonNode.Parse(JsonFormatter.Default.Format(request))!;

    /// <summary>A resource as the recording writes it.</summary>
    public static JsonNode Json(Resource resource)
    {
        var text = JsonFormatter.Default.Format(Decode(resource.Resource_));
        var content = JsonNode.Parse(resource.Resource_.TypeUrl == ResourceTypes.Authorization ? RecordedNames(text) : text)!;
        Addresses(content, bytes => new IPAddress(Convert.FromBase64String(bytes)).ToString());
        return new JsonObject
        {
            ["name"] = resource.Name,
            ["resource"] = content,
            ["typeUrl"] = resource.Resource_.TypeUrl,
            ["version"] = resource.Version,
        };
    }

    private static IMessage Decode(Any any) => any.TypeUrl switch
    {
        ResourceTypes.Address => Address.Parser.ParseFrom(any.Value),
        _ => Authorization.Parser.ParseFrom(any.Value),
    };

    private static Resource Resource(JsonObject recorded)
    {
        var content = recorded["resource"]!.DeepClone();
        Addresses(content, text => Convert.ToBase64String(IPAddress.Parse(text).GetAddressBytes()));
        var typeUrl = (string)recorded["typeUrl"]!;
        IMessage message = typeUrl == ResourceTypes.Address
            ? JsonParser.Default.Parse<Address>(content.ToJsonString())
            : JsonParser.Default.Parse<Authorization>(OurNames(content.ToJsonString()));
        return new Resource
        {
            Name = (string)recorded["name"]!,
            Version = (string)recorded["version"]!,
            Resource_ = new Any { TypeUrl = typeUrl, Value = message.ToByteString() },
        };
    }

    /// <summary>The same fields have other names in our definition of the message; only numbers are on the wire.</summary>
    private static string OurNames(string recorded) =>
        recorded.Replace("\"rules\"", "\"clauses\"", StringComparison.Ordinal).Replace("\"groups\"", "\"rules\"", StringComparison.Ordinal);

    private static string RecordedNames(string ours) =>
        ours.Replace("\"rules\"", "\"groups\"", StringComparison.Ordinal).Replace("\"clauses\"", "\"rules\"", StringComparison.Ordinal);

    /// <summary>The recording has addresses as text where the message has bytes.</summary>
    private static void Addresses(JsonNode content, Func<string, string> convert)
    {
        if (content["workload"]?["addresses"] is JsonArray plain)
        {
            for (var index = 0; index < plain.Count; index++)
            {
                plain[index] = convert((string)plain[index]!);
            }
        }

        foreach (var address in content["service"]?["addresses"] as JsonArray ?? [])
        {
            address!["address"] = convert((string)address["address"]!);
        }
    }
}
