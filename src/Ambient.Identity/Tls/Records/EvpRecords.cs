using System.Buffers.Binary;

namespace Ambient.Identity.Tls.Records;

/// <summary>
/// Records framed by ourselves (RFC 8446 §4.6, §5 and §6) and protected by OpenSSL's ciphers where they lie. Takes over when
/// libssl has done the handshake.
/// </summary>
internal sealed class EvpRecords : TlsRecords
{
    /// <summary>
    /// Records in a row that bring no data: empty ones, tickets, new keys. More of them keep us busy for nothing; OpenSSL and BoringSSL
    /// draw the same line.
    /// </summary>
    private const int MaxWithoutData = 32;

    private const int KeyUpdateSize = 5;
    private const int AlertSize = 2;
    private const byte Warning = 1;
    private const byte Fatal = 2;

    private readonly RecordKey _sealing;
    private readonly RecordKey _opening;
    private readonly PostHandshake _messages;
    private TlsException? _failure;
    private byte[] _farewell = [];
    private int _withoutData;
    private bool _updateOwed;
    private bool _updateAsked;
    private bool _peerClosed;

    /// <summary>Takes over from a handshake.</summary>
    /// <param name="role">Our part in it.</param>
    /// <param name="secrets">Known; disposed with the keys.</param>
    /// <param name="recordsPerKey">Records after which a key is replaced.</param>
    public EvpRecords(TlsRole role, TrafficSecrets secrets, ulong recordsPerKey)
    {
        var (own, peers) = role == TlsRole.Client ? (secrets.Client, secrets.Server) : (secrets.Server, secrets.Client);
        _sealing = new RecordKey(own, encrypts: true, recordsPerKey);
        _opening = new RecordKey(peers, encrypts: false, recordsPerKey);
        _messages = new PostHandshake(role);
    }

    public override ReadOnlySpan<byte> Farewell => _farewell;

    public override (int Sent, int Received) KeyUpdates => (_sealing.Updates, _opening.Updates);

    public override RecordContent Open(Span<byte> record)
    {
        ThrowIfBroken();
        try
        {
            return _peerClosed ? new RecordContent(HeaderSize, 0, Closed: true) : OpenNext(record);
        }
        catch (AlertException wrong)
        {
            _failure = TlsFailures.FromRecord(wrong);
            _farewell = new byte[HeaderSize + AlertSize + 1 + RecordKey.TagSize];
            SealAlert(_farewell, Fatal, wrong.Alert);
            throw _failure;
        }
    }

    public override int Seal(Span<byte> slot, int payload)
    {
        ThrowIfBroken();
        var before = _updateOwed || _sealing.IsWorn || (_opening.IsWorn && !_updateAsked) ? UpdateKeyBefore(slot, payload) : 0;
        return before + _sealing.Seal(slot[before..], RecordType.ApplicationData, payload);
    }

    public override int Close(Span<byte> slot) => _failure is null ? SealAlert(slot, Warning, Alert.CloseNotify) : 0;

    public override void Dispose()
    {
        _failure ??= new TlsException(TlsFailure.ConnectionLost, "The connection was closed by this side.");
        _sealing.Dispose();
        _opening.Dispose();
    }

    private RecordContent OpenNext(Span<byte> record)
    {
        CheckHeader(record);
        if (!_opening.Open(record))
        {
            throw new AlertException(Alert.BadRecordMac, "a record is not authentic: it was changed, repeated or left out on the way");
        }

        var inner = record[HeaderSize..^RecordKey.TagSize];
        var length = inner.LastIndexOfAnyExcept((byte)0);
        if (inner.Length > MaxPayload + 1)
        {
            throw new AlertException(Alert.RecordOverflow, $"a record holds {inner.Length} bytes");
        }

        if (length < 0)
        {
            throw new AlertException(Alert.UnexpectedMessage, "a record has no type");
        }

        var type = (RecordType)inner[length];
        if (type != RecordType.Handshake && _messages.IsPartial)
        {
            throw new AlertException(Alert.UnexpectedMessage, "a handshake message is interrupted by another record");
        }

        if (type == RecordType.ApplicationData && length > 0)
        {
            _withoutData = 0;
            return new RecordContent(HeaderSize, length, Closed: false);
        }

        Act(type, inner[..length]);
        return new RecordContent(HeaderSize, 0, _peerClosed);
    }

    private static void CheckHeader(ReadOnlySpan<byte> record)
    {
        var type = (RecordType)record[0];
        var version = BinaryPrimitives.ReadUInt16BigEndian(record[1..]);
        var length = BinaryPrimitives.ReadUInt16BigEndian(record[3..]);
        if (type != RecordType.ApplicationData)
        {
            throw new AlertException(Alert.UnexpectedMessage, $"a record of type {(byte)type} came unprotected");
        }

        if (version != Version)
        {
            throw new AlertException(Alert.DecodeError, $"a record has version {version:X4}");
        }

        if (length > MaxCiphertext)
        {
            throw new AlertException(Alert.RecordOverflow, $"a record of {length} bytes is announced");
        }

        if (length < RecordKey.TagSize)
        {
            throw new AlertException(Alert.BadRecordMac, $"a record of {length} bytes cannot be authentic");
        }
    }

    /// <summary>What is not application data, or has none.</summary>
    private void Act(RecordType type, ReadOnlySpan<byte> content)
    {
        switch (type)
        {
            case RecordType.Handshake when content.Length > 0:
                UpdateKey(_messages.Read(content));
                break;
            case RecordType.Alert when content.Length == AlertSize:
                TakeAlert(content[1]);
                break;
            case RecordType.Alert when content.Length > 0:
                throw new AlertException(Alert.DecodeError, $"an alert has {content.Length} bytes");
            case RecordType.ApplicationData:
                break;
            default:
                throw new AlertException(Alert.UnexpectedMessage, $"a record of type {(byte)type} and {content.Length} bytes may not come now");
        }

        // A message that goes on in the next record is bounded by its own length.
        if (!_messages.IsPartial && ++_withoutData > MaxWithoutData)
        {
            throw new AlertException(Alert.UnexpectedMessage, $"more than {MaxWithoutData} records in a row bring no data");
        }
    }

    private void UpdateKey(KeyUpdate message)
    {
        if (message != KeyUpdate.None)
        {
            _opening.Update();
            _updateAsked = false;
            _updateOwed |= message == KeyUpdate.Requested;
        }
    }

    /// <summary>In TLS 1.3 the alert alone says how grave it is; its level does not count (RFC 8446 §6).</summary>
    private void TakeAlert(byte alert)
    {
        if (alert == (byte)Alert.CloseNotify)
        {
            _peerClosed = true;
        }
        else if (alert != (byte)Alert.UserCanceled)
        {
            _failure = TlsFailures.FromAlert(alert);
            throw _failure;
        }
    }

    /// <summary>
    /// Moves the payload aside and puts a KeyUpdate before it: the answer to the peer's, or because a key is worn. What
    /// follows has the new key.
    /// </summary>
    /// <returns>Bytes before the payload's record.</returns>
    private int UpdateKeyBefore(Span<byte> slot, int payload)
    {
        const int Size = HeaderSize + KeyUpdateSize + 1 + RecordKey.TagSize;
        slot.Slice(HeaderSize, payload).CopyTo(slot[(Size + HeaderSize)..]);
        var asks = _opening.IsWorn && !_updateAsked;
        PostHandshake.WriteKeyUpdate(slot[HeaderSize..], asks);
        _sealing.Seal(slot[..Size], RecordType.Handshake, KeyUpdateSize);
        _sealing.Update();
        _updateOwed = false;
        _updateAsked |= asks;
        return Size;
    }

    private int SealAlert(Span<byte> slot, byte level, Alert alert)
    {
        slot[HeaderSize] = level;
        slot[HeaderSize + 1] = (byte)alert;
        return _sealing.Seal(slot, RecordType.Alert, AlertSize);
    }

    private void ThrowIfBroken()
    {
        if (_failure is not null)
        {
            throw _failure;
        }
    }
}
