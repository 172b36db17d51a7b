using System.Net;

namespace Ambient.Proxy.Headers;

/// <summary>The <c>forwarded</c> header (RFC 7239): who opened the connection, and the service that it asked for.</summary>
public static class Forwarded
{
    /// <summary>The name of the header.</summary>
    public const string Name = "forwarded";

    /// <summary>The header's value.</summary>
    public static string Of(IPEndPoint client, string? serviceHostname) =>
        serviceHostname is null ? $"for=\"{client}\"" : $"for=\"{client}\";host={serviceHostname}";

    /// <summary>The host that a header names, in quotes or not; null without.</summary>
    public static string? Host(string? header)
    {
        if (header is null || header.AsSpan().ContainsAnyExceptInRange(' ', '~'))
        {
            return null;
        }

        foreach (var range in header.AsSpan().Split(';'))
        {
            var part = header.AsSpan()[range].Trim();
            if (part.StartsWith("host=", StringComparison.OrdinalIgnoreCase))
            {
                var host = part["host=".Length..].Trim('"');
                return host.IsEmpty ? null : host.ToString();
            }
        }

        return null;
    }
}
