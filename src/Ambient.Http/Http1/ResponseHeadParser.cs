using System.Text;
using Ambient.Http.Fields;
using Ambient.Http.Rules;

namespace Ambient.Http.Http1;

/// <summary>A response's head, interim or final. What is wrong with one breaks the connection: its framing cannot be trusted.</summary>
internal sealed class ResponseHeadParser : HeadParser
{
    private ResponseHead _head = null!;
    private string _method = "";
    private ConnectionOptions _options;
    private int _encodings;
    private bool _isChunked;
    private bool _isVersion10;
    private bool _upgradesToWebSocket;
    private string? _requestedUpgrade;

    public ResponseHeadParser(HttpLimits limits)
        : base(limits) => Reset();

    /// <summary>The connection may be used for another request.</summary>
    public bool KeepsAlive => !_options.Close && !_isVersion10 && (_isChunked || !_head.HasBody || _head.ContentLength is not null);

    /// <summary>The body comes in chunks.</summary>
    public bool IsChunked => _isChunked;

    protected override FieldList Fields => _head.Fields;

    /// <summary>The next head answers a request of this method and upgrade, and goes there.</summary>
    public void Expect(string method, string? upgrade, ResponseHead head)
    {
        _method = method;
        _requestedUpgrade = upgrade;
        _head = head;
        Reset();
    }

    public override void Reset()
    {
        base.Reset();
        _head?.Reset();
        _options = default;
        _encodings = 0;
        _isChunked = _isVersion10 = _upgradesToWebSocket = false;
    }

    protected override bool MayStart(byte first) => first == 'H';

    // HTTP-version SP status-code SP [ reason-phrase ] (RFC 9112 §4)
    protected override bool ReadStartLine(ReadOnlySpan<byte> line)
    {
        const int StatusAt = 9;
        const int StatusEnd = StatusAt + 3;
        _isVersion10 = line.StartsWith("HTTP/1.0 "u8);
        if (!_isVersion10 && !line.StartsWith("HTTP/1.1 "u8))
        {
            return Refuse(RefusalReason.Version, "the answer is not HTTP/1.1");
        }

        var isStatus = line.Length >= StatusEnd && (line.Length == StatusEnd || line[StatusEnd] == ' ')
            && !line[StatusAt..StatusEnd].ContainsAnyExceptInRange((byte)'0', (byte)'9') && line[StatusAt] != '0';
        if (!isStatus || !FieldSyntax.IsValue(line[StatusEnd..]))
        {
            return Refuse(RefusalReason.RequestLine, "the answer's status line is malformed");
        }

        _head.Status = ((line[StatusAt] - '0') * 100) + ((line[StatusAt + 1] - '0') * 10) + line[StatusAt + 2] - '0';
        return true;
    }

    protected override bool ReadField(FieldKind kind, int nameLength, ReadOnlySpan<byte> value)
    {
        switch (kind)
        {
            case FieldKind.HopByHop or FieldKind.Te:
                return true;
            case FieldKind.ContentLength:
                if (_head.ContentLength is not null || !ContentLengths.TryRead(value, out var length))
                {
                    return Refuse(RefusalReason.ContentLength, "the answer's content-length is no number, or there are two");
                }

                _head.ContentLength = length;
                break;
            case FieldKind.TransferEncoding:
                _encodings++;
                _isChunked = Ascii.EqualsIgnoreCase(value, "chunked"u8);
                return true;
            case FieldKind.Connection:
                if (!_options.TryAdd(value))
                {
                    return Refuse(RefusalReason.ConnectionField, "the answer's connection is no list of tokens");
                }

                if (!_options.HasNames)
                {
                    return true;
                }

                break;
            case FieldKind.Upgrade:
                _upgradesToWebSocket = Ascii.EqualsIgnoreCase(value, "websocket"u8);
                return true;
        }

        _head.Fields.Keep(nameLength, value, kind);
        return true;
    }

    protected override bool Finish()
    {
        _head.Version = HttpVersion.Http1;
        _head.ReceivedBytes = Bytes;
        if (_encodings > 0 && (_head.ContentLength is not null || _encodings > 1 || !_isChunked))
        {
            return Refuse(RefusalReason.TransferEncoding, "the answer's length is told in more than one way, or in an unknown one");
        }

        if (_options.HasNames && !ConnectionOptions.TryApply(_head.Fields))
        {
            return Refuse(RefusalReason.ConnectionField, "the answer's connection names a field that belongs to the message");
        }

        if (_head.Status is < 200 or 204)
        {
            if (_encodings > 0 || _head.ContentLength > 0)
            {
                return Refuse(RefusalReason.Body, $"a {_head.Status} with a body (RFC 9110 §8.6)");
            }

            _head.Fields.Remove(FieldKind.ContentLength);
            _head.ContentLength = null;
            return _head.Status != 101 || FinishUpgrade();
        }

        _isChunked &= _method != "HEAD" && _head.Status != 304;
        _head.HasBody = _method != "HEAD" && _head.Status != 304 && _head.ContentLength != 0;
        return true;
    }

    private bool FinishUpgrade() =>
        (_options.Upgrade && _upgradesToWebSocket && _requestedUpgrade == "websocket")
        || Refuse(RefusalReason.Upgrade, "a change of protocols that was not asked for");
}
