using System.IO.Pipelines;
using System.Net;
using Ambient.Linux;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Ambient.Bench.Candidates;

/// <summary>A socket of an event loop as Kestrel sees connections.</summary>
internal sealed class LoopConnection : ConnectionContext, IDuplexPipe
{
    private readonly TcpSocket _socket;

    public LoopConnection(TcpSocket socket)
    {
        _socket = socket;
        Input = new LoopReader(socket);
        Output = new LoopWriter(socket);
        Transport = this;
        RemoteEndPoint = socket.RemoteEndPoint;
        LocalEndPoint = socket.LocalEndPoint;
        Features.Set(this);
    }

    public EventLoop Loop => _socket.Loop;

    public PipeReader Input { get; }

    public PipeWriter Output { get; }

    public override IDuplexPipe Transport { get; set; }

    public override string ConnectionId { get; set; } = "";

    public override IFeatureCollection Features { get; } = new FeatureCollection();

    public override IDictionary<object, object?> Items { get; set; } = new Dictionary<object, object?>();

    public override EndPoint? RemoteEndPoint { get; set; }

    public override EndPoint? LocalEndPoint { get; set; }

    public override void Abort(ConnectionAbortedException abortReason) => _socket.Dispose();

    public override ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return base.DisposeAsync();
    }
}
