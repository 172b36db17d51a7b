using System.IO.Pipelines;
using Ambient.Hbone;
using Ambient.Linux;
using Ambient.Proxy.Transports;

namespace Ambient.Waypoint.Requests.Upstreams;

/// <summary>A connection to an endpoint: a stream in a tunnel, or a plaintext socket. Belongs to whoever opened it.</summary>
internal sealed class UpstreamTransport : IDisposable
{
    private IDuplexPipe? _pipe;

    private UpstreamTransport(Http2Stream? stream, TcpSocket? socket) => (Stream, Socket) = (stream, socket);

    /// <summary>The stream in a tunnel.</summary>
    public Http2Stream? Stream { get; }

    /// <summary>The plaintext socket.</summary>
    public TcpSocket? Socket { get; }

    /// <summary>Either as pipes; not to be used together with the others.</summary>
    public IDuplexPipe Pipe => _pipe ??= Stream is not null ? Stream : new SocketPipe(Socket!);

    /// <summary>A stream whose peer has consented.</summary>
    public static UpstreamTransport Of(Http2Stream stream) => new(stream, null);

    /// <summary>A connected socket.</summary>
    public static UpstreamTransport Of(TcpSocket socket) => new(null, socket);

    /// <summary>Ends it at once.</summary>
    public void Dispose()
    {
        Stream?.Dispose();
        Socket?.Dispose();
    }
}
