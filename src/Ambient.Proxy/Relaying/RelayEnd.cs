using Ambient.Hbone;
using Ambient.Linux;

namespace Ambient.Proxy.Relaying;

/// <summary>How one direction of a relay ended.</summary>
/// <param name="Error">Null where the sender ended its stream and everything was passed on.</param>
public readonly record struct RelayEnd(string? Error)
{
    /// <summary>The sender ended its stream, and the end was passed on.</summary>
    public static readonly RelayEnd Clean;

    /// <summary>An end that people see every day: the other side went away, or did not want to hear the rest.</summary>
    public static RelayEnd Of(Errno error) => IsEveryday(error) ? Clean : new(new LinuxException(error, "relay").Message);

    /// <summary>The same for a stream.</summary>
    public static RelayEnd Of(Http2ErrorCode code, string message) =>
        code is Http2ErrorCode.NoError or Http2ErrorCode.Cancel or Http2ErrorCode.StreamClosed ? Clean : new(message);

    /// <summary>
    /// Applications end connections with a reset as often as with a FIN; neither is news for an operator.
    /// (The node proxy of Istio treats the same four as success.)
    /// </summary>
    private static bool IsEveryday(Errno error) =>
        error is Errno.None or Errno.ECONNRESET or Errno.EPIPE or Errno.ENOTCONN or Errno.EBADF;
}

/// <summary>Counts what a relay moves; called on the loop for each chunk, so it must be cheap and must not wait.</summary>
public interface IRelayCounter
{
    /// <summary>Bytes went from the connection's client towards its server.</summary>
    void FromClient(int bytes);

    /// <summary>Bytes went from the server towards the client.</summary>
    void FromServer(int bytes);
}
