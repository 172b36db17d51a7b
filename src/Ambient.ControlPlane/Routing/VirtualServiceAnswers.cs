using Ambient.Api.Kubernetes;
using Proto = Ambient.Api.Waypoints;

namespace Ambient.ControlPlane.Routing;

/// <summary>A VirtualService's answers that need no backend → a waypoint's.</summary>
internal static class VirtualServiceAnswers
{
    /// <summary>What an answer of a redirect is where the resource says nothing (Istio).</summary>
    private const uint MovedPermanently = 301;

    /// <summary>An answer that sends the client elsewhere.</summary>
    public static Proto.Redirect Of(HttpRedirect from)
    {
        var redirect = new Proto.Redirect
        {
            Scheme = from.Scheme ?? "",
            Authority = from.Authority ?? "",
            Port = PortOf(from),
            Status = from.RedirectCode is { } code and > 0 ? (uint)code : MovedPermanently,
        };
        if (from.Uri is { Length: > 0 } uri)
        {
            redirect.FullPath = uri;
        }

        return redirect;
    }

    /// <summary>An answer without a backend.</summary>
    public static Proto.DirectResponse Of(HttpDirectResponse from) => new() { Status = (uint)from.Status, Body = BodyOf(from.Body) };

    /// <summary>Who names another authority, and no port, means the port that goes with the scheme; otherwise the request's stays (0).</summary>
    private static uint PortOf(HttpRedirect redirect) => redirect switch
    {
        { Port: { } port and > 0 } => (uint)port,
        { DerivePort: "FROM_REQUEST_PORT" } => 0,
        { DerivePort: "FROM_PROTOCOL_DEFAULT" } or { Authority.Length: > 0 } when redirect.Authority?.Contains(':', StringComparison.Ordinal) != true =>
            redirect.Scheme == "https" ? 443u : 80u,
        _ => 0,
    };

    private static string BodyOf(DirectBody? body) => body switch
    {
        { String: { } text } => text,
        { Bytes: { } base64 } => Decoded(base64),
        _ => "",
    };

    private static string Decoded(string base64)
    {
        var bytes = new byte[base64.Length];
        return Convert.TryFromBase64String(base64, bytes, out var length) ? System.Text.Encoding.UTF8.GetString(bytes, 0, length) : "";
    }
}
