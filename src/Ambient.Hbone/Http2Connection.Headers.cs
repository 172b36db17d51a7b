using System.Buffers;
using Ambient.Hbone.Frames;
using Ambient.Hbone.Hpack;

namespace Ambient.Hbone;

/// <summary>HEADERS and CONTINUATION: field blocks are gathered, decoded, and become requests, responses or trailers.</summary>
public sealed partial class Http2Connection
{
    /// <summary>
    /// CONTINUATION frames of one block. A block of the largest header list in frames of the smallest useful size, 2 KiB,
    /// has 64; a flood of more, each a few bytes, is the attack of VU#421644.
    /// </summary>
    private const int MostContinuations = 64;

    private readonly HpackDecoder _decoder;
    private readonly List<HeaderField> _fields = [];
    private readonly ArrayBufferWriter<byte> _block = new();
    private FrameHeader _headers;
    private int _headersStreamId;
    private int _continuations;

    // HEADERS (§6.2):
    // +---------------+
    // |Pad Length? (8)|
    // +-+-------------+-----------------------------------------------+
    // |E|                 Stream Dependency? (31)                     |
    // +-+-------------+-----------------------------------------------+
    // |  Weight? (8)  |
    // +-+-------------+-----------------------------------------------+
    // |                   Field Block Fragment (*)                  ...
    // +---------------------------------------------------------------+
    // |                           Padding (*)                       ...
    // +---------------------------------------------------------------+
    private void StartHeaders()
    {
        if (_frame.StreamId == 0 || (_frame.StreamId & 1) == 0)
        {
            throw Broken($"HEADERS on stream {_frame.StreamId} (§5.1.1)");
        }

        if (!IsServer)
        {
            CheckNotIdle();
        }

        _headers = _frame;
        _continuations = 0;
        var prefix = (_frame.Has(FrameFlags.Padded) ? 1 : 0) + (_frame.Has(FrameFlags.Priority) ? 5 : 0);
        if (prefix > _frame.Length)
        {
            throw new ConnectionErrorException(Http2ErrorCode.FrameSizeError, $"HEADERS of {_frame.Length} bytes (§6.2)");
        }

        Expect(Phase.HeadersPrefix, prefix);
    }

    // CONTINUATION (§6.10): | Field Block Fragment (*) |
    private void StartContinuation()
    {
        if (_headersStreamId == 0)
        {
            throw Broken("CONTINUATION without HEADERS (§6.10)");
        }

        if (++_continuations > MostContinuations)
        {
            throw new ConnectionErrorException(
                Http2ErrorCode.EnhanceYourCalm, $"a field block of more than {MostContinuations} CONTINUATION frames");
        }

        Work.Spend(_frame.Length == 0 ? WorkBudget.Answered : WorkBudget.IdleFrame, "CONTINUATION frames");
        _left = _frame.Length;
        _padding = 0;
        StartPayload(Phase.Fragment);
    }

    private void AddFragment(ReadOnlySpan<byte> fragment)
    {
        // Compressed, a block is not larger than its list; twice that leaves room for odd encodings.
        if (_block.WrittenCount + fragment.Length > Limits.MaxHeaderListSize * 2)
        {
            throw new ConnectionErrorException(
                Http2ErrorCode.EnhanceYourCalm, $"a field block of more than {Limits.MaxHeaderListSize * 2} bytes");
        }

        _block.Write(fragment);
    }

    private void OnFragmentEnd()
    {
        if (!_frame.Has(FrameFlags.EndHeaders))
        {
            _headersStreamId = _headers.StreamId;
            return;
        }

        _headersStreamId = 0;
        _fields.Clear();
        var fits = _decoder.Decode(_block.WrittenSpan, _fields, Limits.MaxHeaderListSize);
        _block.ResetWrittenCount();
        if (IsServer && _headers.StreamId > _lastPeerStreamId)
        {
            OnRequest(fits);
        }
        else if (!_streams.TryGetValue(_headers.StreamId, out var stream))
        {
            OnFrameOfClosedStream();
        }
        else if (stream.RemoteEnded)
        {
            FailStream(stream, Http2ErrorCode.StreamClosed, "HEADERS after the peer's END_STREAM (§5.1)");
        }
        else if (!fits)
        {
            FailStream(stream, Http2ErrorCode.EnhanceYourCalm, "a header list larger than announced");
        }
        else if (!IsServer && !stream.IsAnswered)
        {
            OnResponse(stream);
        }
        else
        {
            OnTrailers(stream);
        }
    }

    private void OnRequest(bool fits)
    {
        var id = _headers.StreamId;
        _lastPeerStreamId = id;
        if (ActiveStreams + _unread.Count >= Limits.MaxConcurrentStreams || (_goAwaySent && id > _goAwayLastStreamId))
        {
            // Not processed at all: its sender may try elsewhere.
            Work.Spend(WorkBudget.Refused, "requests beyond the limit of streams");
            SendReset(id, Http2ErrorCode.RefusedStream);
            _resetStreams.Add(id);
            return;
        }

        if (!fits)
        {
            RefuseLargeRequest(id);
            return;
        }

        var endStream = _headers.Has(FrameFlags.EndStream);
        if (HeaderRules.ReadRequest(_fields, endStream, out var request) is not null || (request.IsConnect && endStream))
        {
            FailStreamId(id, Http2ErrorCode.ProtocolError);
            return;
        }

        var stream = new Http2Stream(this, id, _peer.InitialWindowSize, FirstWindow, request);
        _streams.Add(id, stream);
        if (!request.IsConnect)
        {
            stream.ExpectBody(request.Fields, endStream);
        }

        if (endStream)
        {
            EndRemote(stream);
        }

        if (!stream.IsClosed)
        {
            _onRequest!(stream);
        }
    }

    /// <summary>The answer of RFC 6585 §5, and the rest of the request is not wanted.</summary>
    private void RefuseLargeRequest(int id)
    {
        Work.Spend(WorkBudget.CausedReset, "requests with too large a head");
        SendResponse(id, 431, [], endStream: true);
        if (!_headers.Has(FrameFlags.EndStream))
        {
            SendReset(id, Http2ErrorCode.NoError);
        }

        _resetStreams.Add(id);
    }

    private void OnResponse(Http2Stream stream)
    {
        var endStream = _headers.Has(FrameFlags.EndStream);
        var wrong = HeaderRules.ReadResponse(_fields, endStream, out var response) ?? stream.OnResponse(response);
        if (wrong is not null)
        {
            FailStream(stream, Http2ErrorCode.ProtocolError, wrong);
            return;
        }

        if (endStream)
        {
            EndRemote(stream);
        }

        Touch(stream);
    }

    private void OnTrailers(Http2Stream stream)
    {
        HeaderList? trailers = null;
        var wrong = !_headers.Has(FrameFlags.EndStream) ? "trailers that do not end their stream (§8.1)"
            : stream.Request.IsConnect ? "HEADERS inside a tunnel (§8.5)"
            : HeaderRules.ReadTrailers(_fields, out trailers);
        if (wrong is not null)
        {
            FailStream(stream, Http2ErrorCode.ProtocolError, wrong);
            return;
        }

        stream.OnTrailers(trailers!);
        EndRemote(stream);
    }
}
