using System.Buffers;
using System.IO.Pipelines;
using System.Text;

namespace Ambient.Http.Tests.Support;

/// <summary>A connection in memory whose continuations run inline, so that everything that can happen has happened when a call returns.</summary>
internal sealed class MemoryTransport
{
    private readonly Pipe _there = new(Options);
    private readonly Pipe _back = new(Options);

    /// <summary>The end of the code under test.</summary>
    public IDuplexPipe Near => new End(_there.Reader, _back.Writer);

    /// <summary>The other end as bytes.</summary>
    public IDuplexPipe Far => new End(_back.Reader, _there.Writer);

    private static PipeOptions Options { get; } = new(
        readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: 1 << 20,
        resumeWriterThreshold: 1 << 19, useSynchronizationContext: false);

    /// <summary>Sends text, one byte per character, in pieces of at most this size.</summary>
    public void Send(string text, int pieces = int.MaxValue, bool mayWait = false) => Send(Encoding.Latin1.GetBytes(text), pieces, mayWait);

    public void Send(ReadOnlySpan<byte> bytes, int pieces = int.MaxValue, bool mayWait = false)
    {
        while (!bytes.IsEmpty)
        {
            var count = Math.Min(pieces, bytes.Length);
            _there.Writer.Write(bytes[..count]);
            var flush = _there.Writer.FlushAsync().AsTask();
            Assert.True(mayWait || flush.IsCompleted, "the code under test does not take what is sent");
            bytes = bytes[count..];
        }
    }

    /// <summary>Sends text and the end in one.</summary>
    public void SendLast(string text)
    {
        _there.Writer.Write(Encoding.Latin1.GetBytes(text));
        _there.Writer.Complete();
    }

    /// <summary>The far end sends no more.</summary>
    public void CloseFar() => _there.Writer.Complete();

    /// <summary>What has arrived at the far end since the last call; the end of it if nothing more can come.</summary>
    public string Received(out bool isOver, out bool isBroken)
    {
        isOver = isBroken = false;
        var text = new StringBuilder();
        try
        {
            while (_back.Reader.TryRead(out var result))
            {
                text.Append(Encoding.Latin1.GetString(result.Buffer));
                _back.Reader.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted)
                {
                    isOver = true;
                    break;
                }
            }
        }
        catch (IOException)
        {
            isOver = isBroken = true;
        }

        return text.ToString();
    }

    public string Received() => Received(out _, out _);

    private sealed record End(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
