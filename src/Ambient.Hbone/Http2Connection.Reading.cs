using System.Buffers;
using Ambient.Hbone.Frames;
using Ambient.Hbone.Hpack;

namespace Ambient.Hbone;

/// <summary>From the transport's bytes to whole frames, whatever the pieces they arrive in. Every byte is consumed on arrival.</summary>
public sealed partial class Http2Connection
{
    /// <summary>PING, PRIORITY, RST_STREAM, WINDOW_UPDATE and SETTINGS of 64 entries are gathered before they are read.</summary>
    private readonly byte[] _staged = new byte[Frames.PeerSettings.MostEntries * Frames.PeerSettings.EntrySize];
    private readonly List<Http2Stream> _touched = [];
    private Phase _phase;
    private FrameHeader _frame;
    private Http2Stream? _dataStream;
    private int _stagedCount;
    private int _needed;
    private int _left;
    private int _padding;
    private bool _inPass;

    private enum Phase
    {
        Preface,
        FrameHeader,
        DataPrefix,
        Data,
        HeadersPrefix,
        Fragment,
        Small,
        Skip,
    }

    private static ReadOnlySpan<byte> Preface => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8;

    private async Task<ConnectionEnd> ReadLoopAsync()
    {
        try
        {
            MarkDirty();
            while (_end is null)
            {
                var result = await _input.ReadAsync();
                var buffer = result.Buffer;
                ReadPass(buffer);
                SettleStreams();
                _input.AdvanceTo(buffer.End);
                EndPass();
                if (result.IsCompleted)
                {
                    OnTransportClosed();
                }
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException or OperationCanceledException)
        {
            Finish(new ConnectionEnd(ConnectionEndReason.TransportFailed, Http2ErrorCode.NoError, exception.Message), sendGoAway: false);
        }
        catch (Exception exception)
        {
            // A mistake of ours or of the owner's request handler: nobody may be left waiting for this connection.
            _inPass = false;
            Finish(new ConnectionEnd(ConnectionEndReason.Aborted, Http2ErrorCode.InternalError, exception.Message), sendGoAway: true);
            await CloseTransportAsync();
            throw;
        }

        await CloseTransportAsync();
        return _end!;
    }

    private void ReadPass(in ReadOnlySequence<byte> buffer)
    {
        _inPass = true;
        try
        {
            foreach (var memory in buffer)
            {
                Feed(memory);
            }
        }
        catch (ConnectionErrorException error)
        {
            FailConnection(error.Code, error.Message);
        }
        catch (HpackException error)
        {
            FailConnection(Http2ErrorCode.CompressionError, error.Message);
        }
        catch (HeaderBombException error)
        {
            FailConnection(Http2ErrorCode.EnhanceYourCalm, error.Message);
        }
    }

    /// <summary>Readers see what the pass brought, receivers before the transport takes its memory back.</summary>
    private void SettleStreams()
    {
        for (var index = 0; index < _touched.Count; index++)
        {
            var stream = _touched[index];
            stream.IsTouched = false;
            stream.Settle();
        }

        _touched.Clear();
    }

    /// <summary>What the pass and the readers produced goes out.</summary>
    private void EndPass()
    {
        ShedIfNeeded();
        _inPass = false;
        if (_settingsReceived)
        {
            _settled.TrySetResult();
        }

        if (_capacityChanged && _end is null)
        {
            NotifyCapacity();
        }

        FinishIfDrained();
        FlushSoon();
    }

    private void Touch(Http2Stream stream)
    {
        if (!stream.IsTouched)
        {
            stream.IsTouched = true;
            _touched.Add(stream);
        }
    }

    private void Expect(Phase phase, int octets)
    {
        _phase = phase;
        _needed = octets;
        _stagedCount = 0;
    }

    private void Feed(ReadOnlyMemory<byte> memory)
    {
        var input = memory.Span;
        while (_end is null)
        {
            if (_phase is Phase.Data or Phase.Fragment or Phase.Skip)
            {
                var count = Math.Min(_left, input.Length);
                OnPayload(memory.Slice(memory.Length - input.Length, count));
                input = input[count..];
                _left -= count;
                if (_left > 0)
                {
                    return;
                }

                OnPayloadEnd();
            }
            else if (TryStage(ref input, out var octets))
            {
                OnStaged(octets);
            }
            else
            {
                return;
            }
        }
    }

    /// <summary>The next octets in one piece: from the input if they are there, gathered otherwise.</summary>
    private bool TryStage(ref ReadOnlySpan<byte> input, out ReadOnlySpan<byte> octets)
    {
        if (_stagedCount == 0 && input.Length >= _needed)
        {
            octets = input[.._needed];
            input = input[_needed..];
            return true;
        }

        var count = Math.Min(_needed - _stagedCount, input.Length);
        input[..count].CopyTo(_staged.AsSpan(_stagedCount));
        input = input[count..];
        _stagedCount += count;
        octets = _staged.AsSpan(0, _needed);
        return _stagedCount == _needed;
    }

    private void OnStaged(ReadOnlySpan<byte> octets)
    {
        switch (_phase)
        {
            case Phase.Preface:
                if (!octets.SequenceEqual(Preface))
                {
                    throw new ConnectionErrorException(Http2ErrorCode.ProtocolError, "the peer does not speak HTTP/2");
                }

                Expect(Phase.FrameHeader, FrameHeader.Size);
                break;
            case Phase.FrameHeader:
                _frame = FrameHeader.Read(octets);
                OnFrameHeader();
                break;
            case Phase.DataPrefix:
                _left = _frame.Length - octets.Length;
                TakePadding(octets);
                StartPayload(Phase.Data);
                break;
            case Phase.HeadersPrefix:
                _left = _frame.Length - octets.Length;
                TakePadding(octets);
                StartPayload(Phase.Fragment);
                break;
            default:
                OnControlFrame(octets);
                Skip(_frame.Length - octets.Length);
                break;
        }
    }

    /// <summary>
    /// Padding (RFC 9113 §6.1, §6.2):
    /// <code>
    /// +---------------+-----------------------------------------------+
    /// |Pad Length? (8)|  Data or field block fragment (*)           ...
    /// +---------------+-----------------------------------------------+
    /// |                           Padding (*)                       ...
    /// +---------------------------------------------------------------+
    /// </code>
    /// </summary>
    private void TakePadding(ReadOnlySpan<byte> prefix)
    {
        _padding = _frame.Has(FrameFlags.Padded) ? prefix[0] : 0;
        _left -= _padding;
        if (_left < 0)
        {
            throw new ConnectionErrorException(Http2ErrorCode.ProtocolError, "padding longer than its frame");
        }
    }

    private void StartPayload(Phase phase)
    {
        _phase = phase;
        if (_left == 0)
        {
            OnPayloadEnd();
        }
    }

    private void Skip(int octets)
    {
        _left = octets;
        _padding = 0;
        _phase = Phase.Skip;
        if (octets == 0)
        {
            Expect(Phase.FrameHeader, FrameHeader.Size);
        }
    }

    private void OnPayload(ReadOnlyMemory<byte> octets)
    {
        if (_phase == Phase.Data)
        {
            OnData(octets);
        }
        else if (_phase == Phase.Fragment)
        {
            AddFragment(octets.Span);
        }
    }

    private void OnPayloadEnd()
    {
        var phase = _phase;
        Skip(_padding);
        if (phase == Phase.Data)
        {
            OnDataEnd();
        }
        else if (phase == Phase.Fragment)
        {
            OnFragmentEnd();
        }
    }
}
