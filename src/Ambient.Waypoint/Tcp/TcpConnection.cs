using System.Net;
using Ambient.Hbone;
using Ambient.Linux;
using Ambient.Mesh.Authorization;
using Ambient.Mesh.Http;
using Ambient.Proxy.Connections;
using Ambient.Waypoint.Serving;

namespace Ambient.Waypoint.Tcp;

/// <summary>A connection that passes as bytes, from before it is judged to its end. On its loop only.</summary>
internal sealed class TcpConnection(TcpConnections owner, Passage passage, Http2Stream client) : IDisposable
{
    /// <summary>The record, once it is known where it goes.</summary>
    public ConnectionReport? Report { get; set; }

    /// <summary>What is addressed, and by whom.</summary>
    public Passage Passage => passage;

    /// <summary>The plaintext socket that it goes on to, which it closes in its end.</summary>
    public TcpSocket? Server { get; set; }

    /// <summary>The stream that it goes on to, which it closes in its end.</summary>
    public Http2Stream? Onward { get; set; }

    /// <summary>What policies may look at.</summary>
    public ConnectionFacts Facts { get; } = new(
        passage.Tunnel.RemoteEndPoint.Address, passage.Tunnel.PeerIdentity, passage.Destination.Address, passage.Target.Port);

    /// <summary>Where it goes; null while that is not known.</summary>
    public IPEndPoint? Endpoint => Report?.Addresses.Destination;

    /// <summary>May it pass, by what is known now?</summary>
    public HttpVerdict Judge(WaypointSnapshot waypoint) => HttpAuthorizer.EvaluateConnection(waypoint, passage.ServiceKey, Facts);

    /// <summary>The reasons of a verdict.</summary>
    public string Words(WaypointSnapshot waypoint, in HttpVerdict verdict) =>
        HttpVerdictExplanation.RenderConnection(waypoint, passage.ServiceKey, Facts, verdict);

    /// <summary>Ends it for what a change of policies forbids.</summary>
    public void Close(string reason)
    {
        if (Report is { } report)
        {
            report.Verdict = (ConnectionFailure.Denied, reason);
        }

        client.Reset(Http2ErrorCode.Cancel);
        Onward?.Reset(Http2ErrorCode.Cancel);
        Server?.Abort();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        owner.Remove(this);
        Onward?.Dispose();
        Server?.Dispose();
    }
}
