namespace Ambient.Hbone;

/// <summary>The whole connection ended, and with it the stream that reports this.</summary>
public sealed class Http2ConnectionException(ConnectionEnd end) : IOException(end.ToString())
{
    /// <summary>How the connection ended.</summary>
    public ConnectionEnd End { get; } = end;
}
