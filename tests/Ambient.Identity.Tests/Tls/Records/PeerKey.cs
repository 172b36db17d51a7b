using System.Buffers.Binary;
using System.Security.Cryptography;
using Ambient.Identity.Tls;
using Ambient.Identity.Tls.Records;

namespace Ambient.Identity.Tests.Tls.Records;

/// <summary>Record protection written a second time, with .NET's AES-GCM, that lets a test break every rule.</summary>
internal sealed class PeerKey(TrafficSecret secret) : IDisposable
{
    private AesGcm? _cipher;
    private byte[] _iv = [];

    /// <summary>Of the next record.</summary>
    public ulong Sequence { get; set; }

    /// <summary>Makes a record of content, type and padding.</summary>
    public byte[] Seal(RecordType type, ReadOnlySpan<byte> content, int padding = 0) =>
        SealInner([.. content, (byte)type, .. new byte[padding]]);

    /// <summary>Makes a record of an inner plaintext that need not have a type.</summary>
    public byte[] SealInner(ReadOnlySpan<byte> inner, ushort version = 0x303)
    {
        var record = new byte[TlsRecords.HeaderSize + inner.Length + 16];
        record[0] = 23;
        BinaryPrimitives.WriteUInt16BigEndian(record.AsSpan(1), version);
        BinaryPrimitives.WriteUInt16BigEndian(record.AsSpan(3), (ushort)(inner.Length + 16));
        Cipher().Encrypt(Nonce(), inner, record.AsSpan(5, inner.Length), record.AsSpan(5 + inner.Length), record.AsSpan(0, 5));
        return record;
    }

    /// <summary>Opens a record that has to be authentic.</summary>
    public (RecordType Type, byte[] Content) Open(ReadOnlySpan<byte> record)
    {
        var inner = new byte[record.Length - 5 - 16];
        Cipher().Decrypt(Nonce(), record[5..^16], record[^16..], inner, record[..5]);
        var end = inner.AsSpan().LastIndexOfAnyExcept((byte)0);
        return ((RecordType)inner[end], inner[..end]);
    }

    public void Update()
    {
        secret.Update();
        _cipher?.Dispose();
        _cipher = null;
        Sequence = 0;
    }

    public void Dispose()
    {
        _cipher?.Dispose();
        secret.Dispose();
    }

    private AesGcm Cipher()
    {
        if (_cipher is null)
        {
            var key = new byte[secret.KeyLength];
            _iv = new byte[12];
            secret.DeriveKeys(key, _iv);
            _cipher = new AesGcm(key, 16);
        }

        return _cipher;
    }

    private byte[] Nonce()
    {
        var nonce = _iv.ToArray();
        for (var index = 0; index < 8; index++)
        {
            nonce[11 - index] ^= (byte)(Sequence >> (8 * index));
        }

        Sequence++;
        return nonce;
    }
}
