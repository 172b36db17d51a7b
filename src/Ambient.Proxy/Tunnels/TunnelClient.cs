using System.Net;
using Ambient.Hbone;
using Ambient.Identity.Certificates;
using Ambient.Identity.Tls;
using Ambient.Linux;
using Ambient.Proxy.Sockets;

namespace Ambient.Proxy.Tunnels;

/// <summary>Opens streams to peers, in tunnels that connections share. On its loop only.</summary>
/// <param name="loop">Whose tunnels they are.</param>
/// <param name="sockets">Where tunnels are dialled from.</param>
/// <param name="pool">The tunnels.</param>
/// <param name="deadlines">For answers.</param>
/// <param name="certificates">Certificates by identity.</param>
/// <param name="limits">Of each tunnel.</param>
/// <param name="budget">Memory that all tunnels of the process share.</param>
public sealed class TunnelClient(
    EventLoop loop, ProxySockets sockets, TunnelPool pool, Deadlines deadlines, CertificateStore certificates, Http2Limits limits, ByteBudget budget)
{
    /// <summary>
    /// A stream to a peer that has consented to it. A request that its tunnel did not get through – it broke, or was about to end, or had no
    /// room – is sent once more, in another one: no byte was sent.
    /// </summary>
    /// <exception cref="IOException">The peer refused (<see cref="TunnelRefusedException"/>), cannot be reached, or did not answer in time.</exception>
    /// <exception cref="TimeoutException">Nobody answered at the address.</exception>
    public async ValueTask<(Tunnel Tunnel, Http2Stream Stream)> OpenAsync(TunnelKey key, RequestHeaders headers)
    {
        Tunnel? refused = null;
        while (true)
        {
            var (tunnel, stream) = await pool.OpenAsync(key, headers, () => DialAsync(key), refused);
            using var deadline = deadlines.Begin(stream);
            try
            {
                var response = await stream.ResponseAsync();
                return response.Status == (int)HttpStatusCode.OK ? (tunnel, stream) : throw new TunnelRefusedException(response.Status);
            }
            catch (IOException) when (deadline.Expired)
            {
                stream.Dispose();
                throw new IOException($"{key.Destination} did not answer the CONNECT request within {deadlines.Timeout.TotalSeconds:0} s");
            }
            catch (IOException failure) when (refused is null && IsTunnelsFault(failure))
            {
                stream.Dispose();
                refused = tunnel;
            }
            catch
            {
                stream.Dispose();
                throw;
            }
        }
    }

    /// <summary>The stream did not fail by itself: its connection ended, or the peer says that it did not look at it (REFUSED_STREAM).</summary>
    private static bool IsTunnelsFault(IOException failure) =>
        failure is Http2ConnectionException or Http2StreamException { IsRetryable: true };

    private async Task<Tunnel> DialAsync(TunnelKey key)
    {
        var certificate = await certificates.GetAsync(key.Source);
        var socket = await sockets.ConnectAsync(loop, key.Destination);
        // The handshake owns the socket from here on, and closes it when it fails.
        var tls = await TlsConnection.ClientAsync(socket, certificate.Client, key.Expected, TunnelSettings.HandshakeTimeout);
        return Tunnel.Client(loop, tls, limits, budget);
    }
}

/// <summary>A peer answered a CONNECT request with other than 200.</summary>
public sealed class TunnelRefusedException(int status) : IOException($"http status: {Words(status)}")
{
    /// <summary>The status.</summary>
    public int Status { get; } = status;

    private static string Words(int status) =>
        Enum.IsDefined((HttpStatusCode)status) ? $"{status} {SplitWords(((HttpStatusCode)status).ToString())}" : $"{status}";

    /// <summary><c>ServiceUnavailable</c> as RFC 9110 writes it.</summary>
    private static string SplitWords(string name) =>
        string.Concat(name.Select((c, i) => i > 0 && char.IsAsciiLetterUpper(c) ? $" {c}" : $"{c}"));
}
