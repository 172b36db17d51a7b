using System.Text;
using Ambient.Http.Fields;
using Ambient.Http.Rules;

namespace Ambient.Http.Http1;

/// <summary>A request's head, checked and cleaned as <see cref="RequestHead"/> promises.</summary>
internal sealed class RequestHeadParser : HeadParser
{
    private readonly RequestHead _head;
    private ConnectionOptions _options;
    private bool _hasHost;
    private bool _targetHasAuthority;
    private int _encodings;
    private bool _isChunked;
    private UpgradeWish _upgrade;

    public RequestHeadParser(HttpLimits limits, RequestHead head)
        : base(limits)
    {
        _head = head;
        Reset();
    }

    private enum UpgradeWish
    {
        None,
        WebSocket,

        /// <summary>HTTP/2 by upgrade: a server may ignore it, and we do. A client that knows speaks it from the start (RFC 9113 §3.1).</summary>
        Http2,
        Unknown,
    }

    /// <summary>The connection may be used for another request.</summary>
    public bool KeepsAlive => !_options.Close;

    protected override FieldList Fields => _head.Fields;

    public override void Reset()
    {
        base.Reset();
        _head.Reset();
        _options = default;
        _hasHost = _targetHasAuthority = _isChunked = false;
        _encodings = 0;
        _upgrade = UpgradeWish.None;
    }

    protected override bool MayStart(byte first) => first is >= (byte)'A' and <= (byte)'Z';

    // method SP request-target SP HTTP-version (RFC 9112 §3)
    protected override bool ReadStartLine(ReadOnlySpan<byte> line)
    {
        var space = line.IndexOf((byte)' ');
        if (space <= 0)
        {
            return Refuse(RefusalReason.RequestLine, "a request line without a target");
        }

        if (Methods.Find(line[..space]) is not { } method)
        {
            return Refuse(RefusalReason.Method, "an unknown method");
        }

        var rest = line[(space + 1)..];
        var second = rest.IndexOf((byte)' ');
        var target = second < 0 ? rest : rest[..second];
        if (second < 0 || !rest[(second + 1)..].SequenceEqual("HTTP/1.1"u8))
        {
            return second < 0 || IsOtherVersion(rest[(second + 1)..])
                ? Refuse(RefusalReason.Version, "a version other than HTTP/1.1")
                : Refuse(RefusalReason.RequestLine, "a request line with more than method, target and version");
        }

        if (target.IsEmpty || target.ContainsAnyExceptInRange((byte)'!', (byte)'~'))
        {
            return Refuse(RefusalReason.Target, "a target with characters that do not belong there");
        }

        _head.Method = method;
        if (method == "CONNECT")
        {
            return target[0] != '/' && Authorities.IsValid(target)
                ? Refuse(RefusalReason.Connect, "CONNECT is for forward proxies")
                : Refuse(RefusalReason.Target, "the target of CONNECT is a host and a port");
        }

        return Refuse(RequestTarget.Read(target, _head, out _targetHasAuthority));
    }

    protected override bool ReadField(FieldKind kind, int nameLength, ReadOnlySpan<byte> value)
    {
        switch (kind)
        {
            case FieldKind.HopByHop or FieldKind.Reserved:
                return true;
            case FieldKind.Host:
                return ReadHost(value);
            case FieldKind.ContentLength:
                if (_head.ContentLength is not null || !ContentLengths.TryRead(value, out var length))
                {
                    return Refuse(RefusalReason.ContentLength, "a content-length that is no number, or a second one");
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
                    return Refuse(RefusalReason.ConnectionField, "connection is no list of tokens");
                }

                if (!_options.HasNames)
                {
                    return true;
                }

                break; // until all fields are known
            case FieldKind.Te:
                if (_head.TakesTrailers || !TeField.TakesTrailers(value))
                {
                    return true;
                }

                _head.TakesTrailers = true;
                value = "trailers"u8;
                break;
            case FieldKind.Upgrade:
                _upgrade = _upgrade != UpgradeWish.None ? UpgradeWish.Unknown
                    : Ascii.EqualsIgnoreCase(value, "websocket"u8) ? UpgradeWish.WebSocket
                    : Ascii.EqualsIgnoreCase(value, "h2c"u8) ? UpgradeWish.Http2
                    : UpgradeWish.Unknown;
                return true;
            case FieldKind.Expect when Ascii.EqualsIgnoreCase(value, "100-continue"u8):
                _head.ExpectsContinue = true;
                return true;
        }

        _head.Fields.Keep(nameLength, value, kind);
        return true;
    }

    protected override bool Finish()
    {
        _head.Version = HttpVersion.Http1;
        _head.ReceivedBytes = Bytes;
        if (!_hasHost)
        {
            return Refuse(RefusalReason.HostMissing, "no host");
        }

        if (_encodings > 0 && _head.ContentLength is not null)
        {
            return Refuse(RefusalReason.LengthAndEncoding, "both content-length and transfer-encoding");
        }

        if (_encodings > 0 && (_encodings > 1 || !_isChunked))
        {
            return Refuse(RefusalReason.TransferEncoding, "a transfer coding other than chunked");
        }

        if (_options.HasNames && !ConnectionOptions.TryApply(_head.Fields))
        {
            return Refuse(RefusalReason.ConnectionField, "connection names a field that belongs to the message");
        }

        _head.HasBody = _encodings > 0 || _head.ContentLength > 0;
        _head.ExpectsContinue &= _head.HasBody;
        return !_options.Upgrade || FinishUpgrade();
    }

    private bool FinishUpgrade()
    {
        if (_upgrade == UpgradeWish.Unknown || (_upgrade == UpgradeWish.WebSocket && (_head.HasBody || _head.Method != "GET")))
        {
            return Refuse(RefusalReason.Upgrade, "an upgrade to something other than websocket, or of more than a GET");
        }

        _head.Upgrade = _upgrade == UpgradeWish.WebSocket ? "websocket" : null;
        return true;
    }

    private bool ReadHost(ReadOnlySpan<byte> value)
    {
        if (_hasHost)
        {
            return Refuse(RefusalReason.HostRepeated, "more than one host");
        }

        _hasHost = true;
        if (!Authorities.IsValid(value))
        {
            return Refuse(RefusalReason.Authority, "host is no host and port");
        }

        if (!_targetHasAuthority)
        {
            _head.AuthorityBytes = value; // RFC 9112 §3.2.2: that of an absolute target comes before it
        }

        return true;
    }

    private static bool IsOtherVersion(ReadOnlySpan<byte> version) =>
        version.Length == 8 && version.StartsWith("HTTP/"u8) && version[6] == '.'
        && char.IsAsciiDigit((char)version[5]) && char.IsAsciiDigit((char)version[7]);
}
