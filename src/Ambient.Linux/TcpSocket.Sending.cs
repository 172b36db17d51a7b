using System.Buffers;

namespace Ambient.Linux;

public sealed partial class TcpSocket
{
    /// <summary>Segments of one send: what a receive of 256 KB can hold of frames with 4 KB each, see <see cref="TrySend(in ReadOnlySequence{byte})"/>.</summary>
    private const int MaxSegments = 64;

    /// <summary>
    /// Pins one segment per level of recursion, on the stack, and sends at the bottom: a pinning handle per segment would
    /// cost more than the recursion, and pointers must not be taken before the collector is held off.
    /// </summary>
    private unsafe IoResult SendSegments(
        Libc.Segment* segments, int count, ReadOnlySequence<byte>.Enumerator rest, long length)
    {
        while (count < MaxSegments && rest.MoveNext())
        {
            var memory = rest.Current;
            if (memory.IsEmpty)
            {
                continue;
            }

            fixed (byte* start = memory.Span)
            {
                segments[count] = new Libc.Segment { Start = start, Length = (nuint)memory.Length };
                return SendSegments(segments, count + 1, rest, length + memory.Length);
            }
        }

        var message = new Libc.MessageHeader { Segments = segments, SegmentCount = (nuint)count };
        var result = Libc.SendMessage(_descriptor, &message);
        if (result.Ok && result.Count < length)
        {
            _isWritable = false;
        }

        return result;
    }
}
