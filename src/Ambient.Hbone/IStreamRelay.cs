namespace Ambient.Hbone;

/// <summary>
/// Passes a tunnel's bytes on as they come, told by its stream; see <see cref="Http2Stream.Attach"/>. All calls come on the
/// connection's loop and must neither throw nor wait.
/// </summary>
public interface IStreamRelay : IStreamReceiver
{
    /// <summary>The stream may send again, after <see cref="Http2Stream.RequestTurn"/>.</summary>
    void OnTurn();

    /// <summary>
    /// The peer's direction is over and all of it was taken: by END_STREAM, or by a reset that is no error, which
    /// <see cref="Http2Stream.ResetCode"/> tells and which ends our direction too. Called again for a reset after END_STREAM.
    /// </summary>
    void OnEnd();

    /// <summary>The stream or its connection failed: both directions are over.</summary>
    void OnFailed(IOException error);
}
