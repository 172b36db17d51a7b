using System.Collections.Immutable;
using System.Text.Json;
using Ambient.Mesh.Model;

namespace Ambient.Mesh.Config;

/// <summary>Writes a policy as <c>/config_dump</c> shows it and as local configuration reads it.</summary>
internal static class PolicyDump
{
    public static void Write(Utf8JsonWriter json, Policy policy)
    {
        json.WriteStartObject();
        json.WriteString("action", policy.Action.ToString());
        json.WriteBoolean("dryRun", policy.DryRun);
        json.WriteString("name", policy.Name);
        json.WriteString("namespace", policy.Namespace);
        json.WriteStartArray("rules");
        foreach (var rule in policy.Rules)
        {
            json.WriteStartArray();
            foreach (var clause in rule.Clauses)
            {
                json.WriteStartArray();
                foreach (var match in clause.Matches)
                {
                    Write(json, match);
                }

                json.WriteEndArray();
            }

            json.WriteEndArray();
        }

        json.WriteEndArray();
        json.WriteString("scope", policy.Scope.ToString());
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, PolicyMatch match)
    {
        json.WriteStartObject();
        List(json, "namespaces", match.Namespaces, Text);
        List(json, "notNamespaces", match.NotNamespaces, Text);
        List(json, "serviceAccounts", match.ServiceAccounts, Account);
        List(json, "notServiceAccounts", match.NotServiceAccounts, Account);
        List(json, "principals", match.Principals, Text);
        List(json, "notPrincipals", match.NotPrincipals, Text);
        List(json, "sourceIps", match.SourceIps, Range);
        List(json, "notSourceIps", match.NotSourceIps, Range);
        List(json, "destinationIps", match.DestinationIps, Range);
        List(json, "notDestinationIps", match.NotDestinationIps, Range);
        List(json, "destinationPorts", match.DestinationPorts, Port);
        List(json, "notDestinationPorts", match.NotDestinationPorts, Port);
        json.WriteEndObject();
    }

    private static void List<T>(Utf8JsonWriter json, string name, ImmutableArray<T> values, Action<Utf8JsonWriter, T> write)
    {
        if (values.IsEmpty)
        {
            return;
        }

        json.WriteStartArray(name);
        foreach (var value in values)
        {
            write(json, value);
        }

        json.WriteEndArray();
    }

    private static void Text(Utf8JsonWriter json, StringMatch match)
    {
        json.WriteStartObject();
        if (match.Kind == StringMatchKind.Presence)
        {
            json.WriteStartArray("Presence");
            json.WriteEndArray();
        }
        else
        {
            json.WriteString(match.Kind.ToString(), match.Value);
        }

        json.WriteEndObject();
    }

    private static void Account(Utf8JsonWriter json, ServiceAccountMatch match)
    {
        json.WriteStartObject();
        json.WriteString("namespace", match.Namespace);
        json.WriteString("serviceAccount", match.ServiceAccount);
        json.WriteEndObject();
    }

    private static void Range(Utf8JsonWriter json, Cidr range) => json.WriteStringValue(range.ToString());

    private static void Port(Utf8JsonWriter json, ushort port) => json.WriteNumberValue(port);
}
