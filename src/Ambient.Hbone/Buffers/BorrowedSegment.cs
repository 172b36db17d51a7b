using System.Buffers;

namespace Ambient.Hbone.Buffers;

/// <summary>Memory of the transport, in a chain, for the length of one pass.</summary>
internal sealed class BorrowedSegment : ReadOnlySequenceSegment<byte>
{
    public BorrowedSegment? Following => (BorrowedSegment?)Next;

    public void Start(ReadOnlyMemory<byte> memory)
    {
        Memory = memory;
        RunningIndex = 0;
        Next = null;
    }

    public void Append(BorrowedSegment next)
    {
        next.RunningIndex = RunningIndex + Memory.Length;
        Next = next;
    }

    public void Stop()
    {
        Memory = default;
        Next = null;
    }
}
