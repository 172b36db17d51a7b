using System.Buffers;
using System.Buffers.Binary;
using Ambient.Hbone.Frames;
using Ambient.Hbone.Hpack;

namespace Ambient.Hbone;

/// <summary>The frames that we send besides DATA.</summary>
public sealed partial class Http2Connection
{
    private readonly HpackEncoder _encoder = new(useHuffman: false);
    private readonly ArrayBufferWriter<byte> _encoded = new();

    internal void SendReset(int streamId, Http2ErrorCode code)
    {
        Span<byte> payload = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(payload, (uint)code);
        SendFrame(FrameType.ResetStream, FrameFlags.None, streamId, payload);
    }

    internal void SendWindowUpdate(int streamId, int increment)
    {
        Span<byte> payload = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(payload, increment);
        SendFrame(FrameType.WindowUpdate, FrameFlags.None, streamId, payload);
    }

    /// <summary>An empty DATA frame needs no window.</summary>
    internal void SendEndStream(int streamId) => SendFrame(FrameType.Data, FrameFlags.EndStream, streamId, default);

    internal void SendTrailers(int streamId, HeaderList trailers)
    {
        BeginBlock();
        SendBlock(streamId, trailers.AsSpan(), endStream: true);
    }

    internal void SendResponse(int streamId, int status, ReadOnlySpan<HeaderField> fields, bool endStream)
    {
        BeginBlock();
        _encoder.Write(_encoded, new HeaderField(":status", StatusText(status)));
        SendBlock(streamId, fields, endStream);
    }

    /// <summary>A stream error (§5.4.2): the peer made us reset the stream, and pays for it.</summary>
    internal void FailStream(Http2Stream stream, Http2ErrorCode code, string why)
    {
        SendReset(stream.Id, code);
        stream.Fail(new Http2StreamException(stream.Id, code, $"stream {stream.Id} was reset by this side ({code}): {why}")
        {
            IsPeerMalformed = true,
        });
        ChargeForReset();
    }

    /// <summary>A stream error on a stream that has no object: refused as malformed, or closed long ago.</summary>
    private void FailStreamId(int streamId, Http2ErrorCode code)
    {
        SendReset(streamId, code);
        _resetStreams.Add(streamId);
        ChargeForReset();
    }

    /// <summary>Resets that the peer provokes count like those that it sends (CVE-2025-8671). Also outside of a read pass.</summary>
    private void ChargeForReset()
    {
        if (!Work.TrySpend(WorkBudget.CausedReset))
        {
            FailConnection(Http2ErrorCode.EnhanceYourCalm, "the work budget is used up, last by streams that we had to reset");
        }
    }

    private static string StatusText(int status) => status switch
    {
        200 => "200",
        400 => "400",
        401 => "401",
        404 => "404",
        503 => "503",
        _ => status.ToString(),
    };

    private void SendPreface()
    {
        if (!IsServer)
        {
            Write(Preface);
        }

        Span<byte> settings = stackalloc byte[6 * Frames.PeerSettings.EntrySize];
        var length = 0;
        if (!IsServer)
        {
            AddSetting(settings, ref length, Setting.EnablePush, 0);
        }

        AddSetting(settings, ref length, Setting.InitialWindowSize, Limits.StreamWindow);
        AddSetting(settings, ref length, Setting.MaxFrameSize, Limits.MaxFrameSize);
        AddSetting(settings, ref length, Setting.MaxHeaderListSize, Limits.MaxHeaderListSize);
        if (IsServer)
        {
            AddSetting(settings, ref length, Setting.MaxConcurrentStreams, Limits.MaxConcurrentStreams);
        }

        if (Limits.HeaderTableSize != HpackEncoder.MostTableSize)
        {
            AddSetting(settings, ref length, Setting.HeaderTableSize, Limits.HeaderTableSize);
        }

        SendFrame(FrameType.Settings, FrameFlags.None, 0, settings[..length]);
        if (Limits.ConnectionWindow > 65_535)
        {
            SendWindowUpdate(0, Limits.ConnectionWindow - 65_535);
        }
    }

    private static void AddSetting(Span<byte> settings, ref int length, Setting setting, int value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(settings[length..], (ushort)setting);
        BinaryPrimitives.WriteInt32BigEndian(settings[(length + 2)..], value);
        length += Frames.PeerSettings.EntrySize;
    }

    private void SendRequest(int streamId, RequestHeaders headers)
    {
        BeginBlock();
        _encoder.Write(_encoded, new HeaderField(":method", headers.Method));
        WritePseudo(":scheme", headers.Scheme);
        WritePseudo(":authority", headers.Authority);
        WritePseudo(":path", headers.Path);
        SendBlock(streamId, headers.Fields.AsSpan(), headers.EndStream);
    }

    private void WritePseudo(string name, string? value)
    {
        if (value is not null)
        {
            _encoder.Write(_encoded, new HeaderField(name, value));
        }
    }

    private void BeginBlock()
    {
        _encoded.ResetWrittenCount();
        _encoder.Begin(_encoded);
    }

    /// <summary>Sends a field block as HEADERS and as many CONTINUATION frames as the peer's frame size asks for.</summary>
    private void SendBlock(int streamId, ReadOnlySpan<HeaderField> fields, bool endStream)
    {
        foreach (var field in fields)
        {
            _encoder.Write(_encoded, field);
        }

        var block = _encoded.WrittenSpan;
        var type = FrameType.Headers;
        do
        {
            var fragment = block[..Math.Min(block.Length, MostPayload)];
            block = block[fragment.Length..];
            var flags = block.IsEmpty ? FrameFlags.EndHeaders : FrameFlags.None;
            flags |= endStream && type == FrameType.Headers ? FrameFlags.EndStream : FrameFlags.None;
            SendFrame(type, flags, streamId, fragment);
            type = FrameType.Continuation;
        }
        while (!block.IsEmpty);
    }

    private void SendFrame(FrameType type, FrameFlags flags, int streamId, ReadOnlySpan<byte> payload)
    {
        if (payload.Length <= 64)
        {
            Span<byte> frame = stackalloc byte[FrameHeader.Size + payload.Length];
            FrameHeader.Write(frame, payload.Length, type, flags, streamId);
            payload.CopyTo(frame[FrameHeader.Size..]);
            Write(frame);
            return;
        }

        Span<byte> header = stackalloc byte[FrameHeader.Size];
        FrameHeader.Write(header, payload.Length, type, flags, streamId);
        _holdFlush++;
        Write(header);
        Write(payload);
        _holdFlush--;
        MarkDirty();
    }
}
