using System.Text.Json;
using Ambient.Mesh.Http;

namespace Ambient.Waypoint.Admin;

/// <summary>Writes routes and policies of a waypoint as people ask for them: what matches, in words, and where it goes.</summary>
internal static class RouteDump
{
    public static void Write(Utf8JsonWriter json, WaypointSnapshot waypoint)
    {
        json.WriteStartObject("waypoint");
        json.WriteString("gateway", waypoint.Waypoint?.Key);
        Strings(json, "policies", waypoint.Waypoint?.Policies ?? []);
        json.WriteEndObject();

        json.WriteStartArray("routes");
        foreach (var service in waypoint.Services.OrderBy(service => service.Key, StringComparer.Ordinal))
        {
            Service(json, service);
        }

        json.WriteEndArray();
        json.WriteStartArray("requestPolicies");
        foreach (var policy in waypoint.Policies.Values.OrderBy(policy => policy.Key, StringComparer.Ordinal))
        {
            json.WriteStartObject();
            json.WriteString("policy", policy.Key);
            json.WriteString("action", policy.Action.ToString());
            json.WriteBoolean("dryRun", policy.DryRun);
            json.WriteNumber("rules", policy.Rules.Length);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void Service(Utf8JsonWriter json, HttpService service)
    {
        json.WriteStartObject();
        json.WriteString("service", service.Key);
        json.WriteBoolean("bound", service.Bound);
        Strings(json, "policies", service.Policies);
        Strings(json, "subsets", service.Subsets.Select(subset => subset.Name));
        json.WriteStartArray("rules");
        foreach (var route in service.Routes)
        {
            Route(json, route);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Route(Utf8JsonWriter json, HttpRoute route)
    {
        json.WriteStartObject();
        json.WriteString("source", route.ToString());
        if (!route.Ports.IsEmpty)
        {
            Strings(json, "ports", route.Ports.Select(port => $"{port}"));
        }

        Strings(json, "matches", route.Matches.Select(Words));
        if (route.Forward is { } forward)
        {
            json.WriteStartArray("backends");
            foreach (var backend in forward.Backends)
            {
                json.WriteStartObject();
                json.WriteString("to", backend.ToString());
                json.WriteNumber("weight", backend.Weight);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }
        else if (route.Redirect is { } redirect)
        {
            json.WriteNumber("redirect", redirect.Status);
        }
        else if (route.Response is { } response)
        {
            json.WriteNumber("response", response.Status);
        }

        if (route.Timeout is { } timeout)
        {
            json.WriteNumber("timeoutMilliseconds", (long)timeout.TotalMilliseconds);
        }

        json.WriteNumber("retries", route.Retry.Attempts);
        Strings(json, "mirrors", route.Mirrors.Select(mirror => $"{mirror.Service}:{mirror.Port}"));
        json.WriteEndObject();
    }

    private static string Words(RouteMatch match)
    {
        var parts = new List<string>();
        Add("path", match.Path);
        Add("method", match.Method);
        Add("authority", match.Authority);
        Add("scheme", match.Scheme);
        foreach (var header in match.Headers)
        {
            Add("header", header);
        }

        foreach (var parameter in match.Query)
        {
            Add("query", parameter);
        }

        return parts.Count == 0 ? "all" : string.Join(", ", parts);

        void Add(string what, object? matcher)
        {
            if (matcher is not null)
            {
                parts.Add($"{what} {matcher}");
            }
        }
    }

    private static void Strings(Utf8JsonWriter json, string name, IEnumerable<string> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
        {
            json.WriteStringValue(value);
        }

        json.WriteEndArray();
    }
}
