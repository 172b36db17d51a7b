using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Text;

namespace Ambient.Hbone.Tests.Support;

/// <summary>A peer that sends whatever the test says and shows every frame it gets.</summary>
internal sealed class RawPeer(IDuplexPipe pipe)
{
    public static readonly byte[] Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray();

    public static byte[] Setting(ushort id, uint value) => [(byte)(id >> 8), (byte)id, .. RawFrame.Int(value)];

    /// <summary>Bytes received so far.</summary>
    public long Received { get; private set; }

    public async Task SendAsync(params RawFrame[] frames)
    {
        foreach (var frame in frames)
        {
            pipe.Output.Write(frame.ToBytes());
        }

        await pipe.Output.FlushAsync();
    }

    public Task SendAsync(byte type, byte flags, int streamId, params byte[] payload) => SendAsync(new RawFrame(type, flags, streamId, payload));

    public async Task SendBytesAsync(byte[] bytes) => await pipe.Output.WriteAsync(bytes);

    /// <summary>A client's beginning: preface, SETTINGS, and the acknowledgement of the server's.</summary>
    public async Task StartAsClientAsync(params byte[] settings)
    {
        await SendBytesAsync(Preface);
        await StartAsServerAsync(settings);
    }

    public async Task StartAsServerAsync(params byte[] settings)
    {
        await SendAsync(RawFrame.Settings, 0, 0, settings);
        await SendAsync(RawFrame.Settings, RawFrame.Ack, 0);
    }

    /// <summary>CONNECT on a stream; nothing of the block is compressed.</summary>
    public Task ConnectAsync(int streamId, string authority = "10.0.0.1:80", byte flags = RawFrame.EndHeaders) =>
        SendAsync(RawFrame.Headers, flags, streamId, Block((":method", "CONNECT"), (":authority", authority)));

    /// <summary>A header block of literals without indexing (RFC 7541 §6.2.2), lengths below 127.</summary>
    public static byte[] Block(params (string Name, string Value)[] fields)
    {
        var block = new List<byte>();
        foreach (var (name, value) in fields)
        {
            block.Add(0);
            AddText(block, name);
            AddText(block, value);
        }

        return [.. block];
    }

    public async Task<RawFrame> NextAsync()
    {
        while (true)
        {
            var result = await pipe.Input.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10));
            if (TryParse(result.Buffer, out var frame, out var consumed))
            {
                Received += 9 + frame.Payload.Length;
                pipe.Input.AdvanceTo(consumed);
                return frame;
            }

            Assert.False(result.IsCompleted, "the connection was closed");
            pipe.Input.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        }
    }

    /// <summary>The next frame of a type; others are passed over.</summary>
    public async Task<RawFrame> ExpectAsync(byte type, int? streamId = null)
    {
        var seen = new List<RawFrame>();
        for (var count = 0; count < 100_000; count++)
        {
            var frame = await NextAsync();
            if (frame.Type == type && (streamId is null || frame.StreamId == streamId) && !(type == RawFrame.Settings && frame.Has(RawFrame.Ack)))
            {
                return frame;
            }

            seen.Add(frame);
            if (frame.Type == RawFrame.GoAway)
            {
                Assert.Fail($"GOAWAY {(Http2ErrorCode)frame.ErrorCode} {Encoding.UTF8.GetString(frame.Payload.AsSpan(8))} instead of type {type}");
            }
        }

        throw new InvalidOperationException($"no frame of type {type} among {string.Join("; ", seen.Take(20))}");
    }

    public async Task ExpectResetAsync(int streamId, Http2ErrorCode code)
    {
        var frame = await ExpectAsync(RawFrame.Reset, streamId);
        Assert.Equal(code, (Http2ErrorCode)frame.ErrorCode);
    }

    public async Task ExpectGoAwayAsync(Http2ErrorCode code)
    {
        var frame = await ExpectAsync(RawFrame.GoAway);
        Assert.Equal(code, (Http2ErrorCode)frame.ErrorCode);
    }

    /// <summary>The connection still answers.</summary>
    public async Task ExpectAliveAsync()
    {
        byte[] opaque = [1, 2, 3, 4, 5, 6, 7, 8];
        await SendAsync(RawFrame.Ping, 0, 0, opaque);
        var pong = await ExpectAsync(RawFrame.Ping);
        Assert.True(pong.Has(RawFrame.Ack));
        Assert.Equal(opaque, pong.Payload);
    }

    /// <summary>Reads everything until the connection is closed.</summary>
    public async Task<List<RawFrame>> DrainAsync(bool keep = true)
    {
        var frames = new List<RawFrame>();
        while (true)
        {
            var result = await pipe.Input.ReadAsync();
            var buffer = result.Buffer;
            while (TryParse(buffer, out var frame, out var consumed))
            {
                if (keep)
                {
                    frames.Add(frame);
                }

                buffer = buffer.Slice(consumed);
            }

            pipe.Input.AdvanceTo(buffer.Start, buffer.End);
            if (result.IsCompleted)
            {
                return frames;
            }
        }
    }

    /// <summary>A client's connection begins with 24 octets that are no frame.</summary>
    public async Task SkipPrefaceAsync() => Assert.Equal(Preface, await pipe.Input.ReadExactlyAsync(Preface.Length));

    public void Close()
    {
        pipe.Output.Complete();
        pipe.Input.Complete();
    }

    private static bool TryParse(ReadOnlySequence<byte> buffer, out RawFrame frame, out SequencePosition consumed)
    {
        frame = null!;
        consumed = buffer.Start;
        if (buffer.Length < 9)
        {
            return false;
        }

        Span<byte> header = stackalloc byte[9];
        buffer.Slice(0, 9).CopyTo(header);
        var length = (header[0] << 16) | (header[1] << 8) | header[2];
        if (buffer.Length < 9 + length)
        {
            return false;
        }

        var payload = buffer.Slice(9, length);
        frame = new RawFrame(header[3], header[4], BinaryPrimitives.ReadInt32BigEndian(header[5..]), payload.ToArray());
        consumed = payload.End;
        return true;
    }

    private static void AddText(List<byte> block, string text)
    {
        Assert.True(text.Length < 127);
        block.Add((byte)text.Length);
        block.AddRange(Encoding.Latin1.GetBytes(text));
    }
}
