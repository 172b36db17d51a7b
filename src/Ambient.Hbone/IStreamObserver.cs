namespace Ambient.Hbone;

/// <summary>
/// Hears what happens to a stream besides its bytes; see <see cref="Http2Stream.Observer"/>. Calls come on the connection's loop, also in the
/// middle of a pass, and must neither throw nor wait.
/// </summary>
public interface IStreamObserver
{
    /// <summary>An interim response arrived (client side).</summary>
    void OnInterim(ResponseHeaders response);

    /// <summary>The stream is over before its time: reset by either side, or with its connection.</summary>
    void OnReset();
}
