using System.Net;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Authorization = Ambient.Api.Security.Authorization;

namespace Ambient.ControlPlane.Tests;

/// <summary>Writes resources as the recordings do: protobuf JSON, with addresses as text.</summary>
internal static class RecordedForm
{
    private static readonly JsonFormatter Formatter = new(JsonFormatter.Settings.Default);

    public static JsonObject Of(IMessage message)
    {
        var json = JsonNode.Parse(Formatter.Format(message))!.AsObject();
        AddressesAsText(json);
        return message is Authorization ? WithRecordedNames(json) : json;
    }

    private static void AddressesAsText(JsonNode? node)
    {
        if (node is JsonArray list)
        {
            foreach (var item in list)
            {
                AddressesAsText(item);
            }
        }

        if (node is not JsonObject map)
        {
            return;
        }

        foreach (var (key, value) in map.ToArray())
        {
            if (key == "address" && value is JsonValue)
            {
                map[key] = Text(value);
            }
            else if (key == "addresses" && value is JsonArray { Count: > 0 } addresses && addresses[0] is JsonValue)
            {
                map[key] = new JsonArray([.. addresses.Select(address => (JsonNode)Text(address!))]);
            }
            else
            {
                AddressesAsText(value);
            }
        }
    }

    private static string Text(JsonNode base64) => new IPAddress(Convert.FromBase64String((string)base64!)).ToString();

    /// <summary>The recordings call rules groups, and clauses rules.</summary>
    private static JsonObject WithRecordedNames(JsonObject authorization)
    {
        if (authorization["rules"] is JsonArray rules)
        {
            authorization.Remove("rules");
            foreach (var rule in rules.OfType<JsonObject>())
            {
                if (rule["clauses"] is { } clauses)
                {
                    rule.Remove("clauses");
                    rule["rules"] = clauses;
                }
            }

            authorization["groups"] = rules;
        }

        return authorization;
    }
}
