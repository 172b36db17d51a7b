using System.Buffers;

namespace Ambient.Hbone.Buffers;

/// <summary>A pooled array in a chain of arrays. Memory covers what is filled; the rest of the array is still free.</summary>
internal sealed class BufferSegment : ReadOnlySequenceSegment<byte>
{
    private byte[] _array = [];

    public int Filled { get; private set; }

    public int Free => _array.Length - Filled;

    public int Capacity => _array.Length;

    public new BufferSegment? Next => (BufferSegment?)base.Next;

    public void Start(byte[] array, long runningIndex)
    {
        _array = array;
        Filled = 0;
        Memory = default;
        RunningIndex = runningIndex;
        base.Next = null;
    }

    public void Link(BufferSegment next) => base.Next = next;

    public Memory<byte> FreeMemory() => _array.AsMemory(Filled);

    public void Fill(int count)
    {
        Filled += count;
        Memory = _array.AsMemory(0, Filled);
    }

    public byte[] Stop()
    {
        var array = _array;
        _array = [];
        Filled = 0;
        Memory = default;
        base.Next = null;
        return array;
    }
}
