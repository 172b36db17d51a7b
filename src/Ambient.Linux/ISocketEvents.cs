namespace Ambient.Linux;

/// <summary>Hears of a socket's readiness, on its loop; see <see cref="TcpSocket.Attach"/>.</summary>
public interface ISocketEvents
{
    /// <summary>A receive is worth trying. Said once for each edge.</summary>
    void OnReadable();

    /// <summary>A send is worth trying. Said once for each edge.</summary>
    void OnWritable();

    /// <summary>The socket was closed by this side, whoever did it.</summary>
    void OnClosed();
}
