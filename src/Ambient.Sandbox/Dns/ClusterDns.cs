using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Ambient.Sandbox.Dns;

/// <summary>What the cluster's names stand for.</summary>
internal interface IClusterNames
{
    /// <summary>The addresses of a name without its final dot, in lower case; null if there is no such name.</summary>
    IReadOnlyList<IPAddress>? Resolve(string name);
}

/// <summary>
/// The cluster's name server: A and AAAA of services and of headless services' pods. It forwards nothing: a sandbox has no outside.
/// </summary>
internal sealed class ClusterDns(IPAddress address, IClusterNames names, ILogger logger) : IAsyncDisposable
{
    /// <summary>The zone that it answers for.</summary>
    public const string Zone = "cluster.local";

    private readonly Socket _socket = Bind(address);

    /// <summary>Where it listens; services lead here from port 53.</summary>
    public IPEndPoint EndPoint => (IPEndPoint)_socket.LocalEndPoint!;

    /// <summary>Answers until it is cancelled.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        // Larger than any query over UDP (RFC 1035: 512 bytes, with EDNS options a little more).
        var buffer = new byte[4096];
        while (!ct.IsCancellationRequested)
        {
            try
            {
                var received = await _socket.ReceiveFromAsync(buffer, SocketFlags.None, new IPEndPoint(IPAddress.Any, 0), ct);
                if (Answer(buffer.AsSpan(0, received.ReceivedBytes)) is { } answer)
                {
                    await _socket.SendToAsync(answer, SocketFlags.None, received.RemoteEndPoint, ct);
                }
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (SocketException e)
            {
                // An asker that has gone (ICMP unreachable), or a buffer that is full: it asks again.
                Log.DnsFailed(logger, e.SocketErrorCode);
            }
        }
    }

    /// <summary>The answer to one datagram, or null for one that is not to be answered.</summary>
    internal byte[]? Answer(ReadOnlySpan<byte> query)
    {
        if (!DnsMessage.TryRead(query, out var question, out var end))
        {
            return DnsMessage.Malformed(query);
        }

        if (question.Name != Zone && !question.Name.EndsWith("." + Zone, StringComparison.Ordinal))
        {
            return DnsMessage.Answer(query, end, DnsMessage.NameError, []);
        }

        var addresses = names.Resolve(question.Name);
        var family = question.Type switch
        {
            DnsMessage.TypeA => AddressFamily.InterNetwork,
            DnsMessage.TypeAaaa => AddressFamily.InterNetworkV6,
            _ => AddressFamily.Unspecified,
        };
        return DnsMessage.Answer(query, end, addresses is null ? DnsMessage.NameError : DnsMessage.NoError,
            [.. (addresses ?? []).Where(found => found.AddressFamily == family)]);
    }

    /// <inheritdoc />
    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return ValueTask.CompletedTask;
    }

    private static Socket Bind(IPAddress address)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(address, 0));
        return socket;
    }
}
