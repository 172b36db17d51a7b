namespace Ambient.Xds.Grpc;

/// <summary>A call ended with a status other than <see cref="GrpcStatus.Ok"/>; thrown by a server's handler, it sets that status.</summary>
public sealed class GrpcException(GrpcStatus status, string detail, Exception? inner = null)
    : Exception($"{status}: {detail}", inner)
{
    /// <summary>The code.</summary>
    public GrpcStatus Status { get; } = status;

    /// <summary>The explanation alone; it travels to the other side.</summary>
    public string Detail { get; } = detail;
}
