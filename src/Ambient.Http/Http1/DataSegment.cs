using System.Buffers;

namespace Ambient.Http.Http1;

/// <summary>The data of one chunk, or a part of it, in the transport's memory.</summary>
internal sealed class DataSegment : ReadOnlySequenceSegment<byte>
{
    public void Start(ReadOnlyMemory<byte> memory, DataSegment? previous)
    {
        Memory = memory;
        Next = null;
        RunningIndex = previous is null ? 0 : previous.RunningIndex + previous.Memory.Length;
        if (previous is not null)
        {
            previous.Next = this;
        }
    }

    public void Stop()
    {
        Memory = default;
        Next = null;
    }
}
