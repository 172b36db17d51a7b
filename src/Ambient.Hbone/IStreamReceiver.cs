using System.Buffers;

namespace Ambient.Hbone;

/// <summary>
/// Takes a stream's bytes straight from the transport's memory, before they would be copied into the stream's queue. Asked
/// once for each pass of the connection, while a read of the stream waits and nothing is queued.
/// </summary>
public interface IStreamReceiver
{
    /// <summary>
    /// Takes from the beginning as much as it can at once; the rest is queued and read in the ordinary way. The bytes are
    /// valid only during the call, which must neither throw nor wait.
    /// </summary>
    /// <returns>How many bytes were taken.</returns>
    long Receive(in ReadOnlySequence<byte> bytes);
}
