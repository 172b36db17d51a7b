using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Http;

namespace Ambient.Xds.Grpc;

/// <summary>What a server's handler knows about a call.</summary>
public sealed class ServerCallContext
{
    internal ServerCallContext(HttpContext http, CancellationToken cancellation)
    {
        Http = http;
        Cancellation = cancellation;
    }

    /// <summary>The HTTP request below.</summary>
    public HttpContext Http { get; }

    /// <summary>Fires when the client goes away or its deadline passes.</summary>
    public CancellationToken Cancellation { get; }

    /// <summary>Where the call comes from.</summary>
    public IPEndPoint Peer
    {
        get
        {
            var address = Http.Connection.RemoteIpAddress ?? IPAddress.None;
            return new IPEndPoint(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address, Http.Connection.RemotePort);
        }
    }

    /// <summary>The certificate that the client showed; whether it is trusted was decided in the handshake.</summary>
    public X509Certificate2? ClientCertificate => Http.Connection.ClientCertificate;

    /// <summary>A header of the call, by lower-case name; null if it is not there.</summary>
    public string? Header(string name) => Http.Request.Headers.TryGetValue(name, out var value) ? value.ToString() : null;

    /// <summary>The token of an <c>authorization: Bearer …</c> header; null if there is none.</summary>
    public string? BearerToken =>
        Header("authorization") is { } value && value.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? value["Bearer ".Length..].Trim() : null;
}
