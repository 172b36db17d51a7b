using System.Collections.Immutable;
using System.Net;
using Ambient.Api;

namespace Ambient.Mesh.Explanation;

/// <summary>Which proxy on the way is asked.</summary>
public enum Hop
{
    /// <summary>The node proxy of the client: where does the connection go?</summary>
    Outbound,

    /// <summary>The waypoint: may the request, and where does it go?</summary>
    Request,

    /// <summary>The node proxy of the server: may the connection?</summary>
    Inbound,
}

/// <summary>
/// A connection, with its request if it has one, that a proxy is asked to explain: what it would do, not that it does it. It travels as the
/// query of the admin page <c>/explain</c>.
/// </summary>
public sealed record HopQuestion
{
    /// <summary>Which decision is asked for.</summary>
    public required Hop Hop { get; init; }

    /// <summary>The address that the connection comes from.</summary>
    public required IPAddress Client { get; init; }

    /// <summary>The identity that its tunnel proves; null in plaintext. Not looked at where it goes out: there it follows from the address.</summary>
    public SpiffeId? Identity { get; init; }

    /// <summary>The address and port that it is meant for: a service's or a workload's; <c>HOSTNAME:PORT</c> for some waypoints.</summary>
    public required string Destination { get; init; }

    /// <summary>The uid of the workload that takes it; null where it goes out.</summary>
    public string? Server { get; init; }

    /// <summary>The request's method; null where only the connection is asked about.</summary>
    public string? Method { get; init; }

    /// <summary>Path and query, as the client writes them.</summary>
    public string Target { get; init; } = "/";

    /// <summary>The host that the request is for.</summary>
    public string Authority { get; init; } = "";

    /// <summary>Header fields.</summary>
    public ImmutableArray<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>The question as a query, without its question mark.</summary>
    public string ToQuery()
    {
        var parts = new List<string>();
        Add("hop", Hop.ToString().ToLowerInvariant());
        Add("client", Client.ToString());
        Add("identity", Identity?.ToString());
        Add("destination", Destination);
        Add("server", Server);
        Add("method", Method);
        Add("target", Method is null ? null : Target);
        Add("authority", Method is null ? null : Authority);
        foreach (var (name, value) in Headers)
        {
            Add("header", $"{name}:{value}");
        }

        return string.Join('&', parts);

        void Add(string name, string? value)
        {
            if (value is not null)
            {
                parts.Add($"{name}={Uri.EscapeDataString(value)}");
            }
        }
    }

    /// <summary>Reads the parameters of a query.</summary>
    /// <exception cref="FormatException">One is missing or cannot be read; names it.</exception>
    public static HopQuestion Parse(IEnumerable<KeyValuePair<string, string>> parameters)
    {
        var parts = parameters.ToLookup(parameter => parameter.Key, parameter => parameter.Value, StringComparer.Ordinal);
        return new HopQuestion
        {
            Hop = Required("hop") switch
            {
                "outbound" => Hop.Outbound,
                "request" => Hop.Request,
                "inbound" => Hop.Inbound,
                var other => throw new FormatException($"hop={other}: use outbound, request or inbound."),
            },
            Client = IPAddress.TryParse(Required("client"), out var client) ? client : throw new FormatException($"client={Required("client")}: use an IP address."),
            Identity = parts["identity"].FirstOrDefault() is { Length: > 0 } identity ? SpiffeId.Parse(identity) : null,
            Destination = Required("destination"),
            Server = parts["server"].FirstOrDefault(),
            Method = parts["method"].FirstOrDefault(),
            Target = parts["target"].FirstOrDefault() ?? "/",
            Authority = parts["authority"].FirstOrDefault() ?? "",
            Headers = [.. parts["header"].Select(Header)],
        };

        string Required(string name) => parts[name].FirstOrDefault() is { Length: > 0 } value
            ? value
            : throw new FormatException($"{name} is missing: ?hop=outbound&client=ADDRESS&destination=ADDRESS:PORT");
    }

    /// <summary>Reads a header as people write it: <c>name: value</c>.</summary>
    /// <exception cref="FormatException">There is no colon, or nothing before it.</exception>
    public static KeyValuePair<string, string> Header(string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        return colon > 0
            ? new(text[..colon].Trim(), text[(colon + 1)..].Trim())
            : throw new FormatException($"'{text}' is no header: write 'name: value'.");
    }
}
