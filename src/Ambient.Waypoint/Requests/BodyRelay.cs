using System.Buffers;
using System.IO.Pipelines;
using Ambient.Linux;

namespace Ambient.Waypoint.Requests;

/// <summary>How a body's way ended.</summary>
internal enum RelayOutcome
{
    /// <summary>All of it was passed on.</summary>
    Whole,

    /// <summary>The receiver takes no more.</summary>
    NotWanted,

    /// <summary>This side stopped reading.</summary>
    Stopped,
}

/// <summary>Passes bodies on as they come, as fast as the receiver takes them.</summary>
internal static class BodyRelay
{
    /// <summary>Bytes in a row before the loop's other work has its turn; as relays of bytes do.</summary>
    private const long BytesPerTurn = 1 << 20;

    /// <summary>
    /// Passes on a body that is in hand completely, as most are: without a wait, and left to the caller to flush with the end of the message.
    /// False if there is more to come; then nothing was taken.
    /// </summary>
    public static bool TryWhole(PipeReader from, PipeWriter to, out long bytes)
    {
        bytes = 0;
        if (!from.TryRead(out var read))
        {
            return false;
        }

        if (!read.IsCompleted || read.IsCanceled)
        {
            from.AdvanceTo(read.Buffer.Start); // not examined: it is read again at once
            return false;
        }

        bytes = read.Buffer.Length;
        Copy(read.Buffer, to);
        from.AdvanceTo(read.Buffer.End);
        return true;
    }

    /// <summary>
    /// Drops a body that nobody wants, if it is in hand completely: its connection can then be used again. Of a longer one the rest is not
    /// worth the wait.
    /// </summary>
    public static void DropWhole(PipeReader from)
    {
        try
        {
            if (from.TryRead(out var read))
            {
                from.AdvanceTo(read.Buffer.End);
            }
        }
        catch (IOException)
        {
            // Its connection is over, which whoever ends the exchange sees.
        }
    }

    /// <summary>Passes on a body until it ends. Failures of reading are thrown; those of writing too.</summary>
    /// <param name="loop">Whose turn it is.</param>
    /// <param name="from">The body.</param>
    /// <param name="to">Its receiver. The end is left to the caller.</param>
    /// <param name="moved">Told of bytes as they pass.</param>
    public static async ValueTask<RelayOutcome> RunAsync(EventLoop loop, PipeReader from, PipeWriter to, Action<ReadOnlySequence<byte>> moved)
    {
        var turn = 0L;
        while (true)
        {
            var read = await from.ReadAsync();
            var buffer = read.Buffer;
            if (read.IsCanceled)
            {
                from.AdvanceTo(buffer.Start);
                return RelayOutcome.Stopped;
            }

            if (!buffer.IsEmpty)
            {
                moved(buffer);
                Copy(buffer, to);
            }

            turn += buffer.Length;
            from.AdvanceTo(buffer.End);
            if (read.IsCompleted)
            {
                return RelayOutcome.Whole;
            }

            if ((await to.FlushAsync()).IsCompleted)
            {
                return RelayOutcome.NotWanted;
            }

            if (turn >= BytesPerTurn)
            {
                turn = 0;
                await loop.Yield();
            }
        }
    }

    private static void Copy(in ReadOnlySequence<byte> bytes, PipeWriter to)
    {
        if (bytes.IsSingleSegment)
        {
            to.Write(bytes.FirstSpan);
            return;
        }

        foreach (var part in bytes)
        {
            to.Write(part.Span);
        }
    }
}
