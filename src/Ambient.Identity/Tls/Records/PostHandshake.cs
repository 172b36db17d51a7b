using System.Buffers.Binary;

namespace Ambient.Identity.Tls.Records;

/// <summary>A message after the handshake that concerns the keys.</summary>
internal enum KeyUpdate
{
    None,
    NotRequested,
    Requested,
}

/// <summary>
/// Reads the handshake messages that may follow a handshake (RFC 8446 §4.6), however they are cut into records: tickets, which
/// we pass over, and KeyUpdate. Holds no bytes.
/// </summary>
internal sealed class PostHandshake(TlsRole role)
{
    private const int HeaderSize = 4;
    private const byte NewSessionTicket = 4;
    private const byte KeyUpdateType = 24;

    /// <summary>Lifetime, age, nonce of 0 to 255 bytes, ticket of 1 to 65,535, extensions of 0 to 65,534 (RFC 8446 §4.6.1).</summary>
    private const int ShortestTicket = 4 + 4 + 1 + 2 + 1 + 2;
    private const int LongestTicket = 4 + 4 + 1 + 255 + 2 + 65_535 + 2 + 65_534;

    private int _headerRead;
    private byte _type;
    private int _left;

    /// <summary>Whether a message has begun and not ended: then nothing else may come between.</summary>
    public bool IsPartial => _headerRead > 0;

    /// <summary>Reads what one record holds, which is not nothing.</summary>
    /// <exception cref="AlertException">It is not allowed.</exception>
    public KeyUpdate Read(ReadOnlySpan<byte> content)
    {
        while (!content.IsEmpty)
        {
            content = ReadHeader(content);
            if (_headerRead < HeaderSize || content.IsEmpty)
            {
                break;
            }

            if (_type == KeyUpdateType)
            {
                return content.Length == 1
                    ? ReadKeyUpdate(content[0])
                    : throw new AlertException(Alert.UnexpectedMessage, "a KeyUpdate is not the end of its record");
            }

            var skipped = Math.Min(_left, content.Length);
            _left -= skipped;
            content = content[skipped..];
            if (_left == 0)
            {
                End();
            }
        }

        return KeyUpdate.None;
    }

    /// <summary>Writes a KeyUpdate message.</summary>
    /// <returns>Its length.</returns>
    public static int WriteKeyUpdate(Span<byte> content, bool requested)
    {
        BinaryPrimitives.WriteUInt32BigEndian(content, ((uint)KeyUpdateType << 24) | 1);
        content[HeaderSize] = requested ? (byte)1 : (byte)0;
        return HeaderSize + 1;
    }

    private ReadOnlySpan<byte> ReadHeader(ReadOnlySpan<byte> content)
    {
        while (_headerRead < HeaderSize && !content.IsEmpty)
        {
            var next = content[0];
            content = content[1..];
            if (_headerRead == 0)
            {
                CheckType(next);
            }
            else
            {
                _left = (_left << 8) | next;
            }

            if (++_headerRead == HeaderSize)
            {
                CheckLength();
            }
        }

        return content;
    }

    private void CheckType(byte type)
    {
        _type = type;
        if (type != KeyUpdateType && (type != NewSessionTicket || role == TlsRole.Server))
        {
            throw new AlertException(Alert.UnexpectedMessage, $"a handshake message of type {type} may not follow the handshake");
        }
    }

    private void CheckLength()
    {
        var fits = _type == KeyUpdateType ? _left == 1 : _left is >= ShortestTicket and <= LongestTicket;
        if (!fits)
        {
            throw new AlertException(Alert.DecodeError, $"a handshake message of type {_type} has {_left} bytes");
        }
    }

    private KeyUpdate ReadKeyUpdate(byte request)
    {
        End();
        return request switch
        {
            0 => KeyUpdate.NotRequested,
            1 => KeyUpdate.Requested,
            _ => throw new AlertException(Alert.IllegalParameter, $"a KeyUpdate requests {request}"),
        };
    }

    private void End()
    {
        _headerRead = 0;
        _left = 0;
    }
}
