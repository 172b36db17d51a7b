using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Ambient.Identity.OpenSsl;

namespace Ambient.Identity.Tls.Records;

/// <summary>
/// The cipher of one direction: key, IV and sequence number (RFC 8446 §5.2, §5.3), in one context of OpenSSL's that lives as
/// long as the connection. Works in place on whole records.
/// </summary>
internal sealed unsafe class RecordKey : IDisposable
{
    /// <summary>The tag of AES-GCM.</summary>
    public const int TagSize = 16;

    private const int NonceSize = 12;
    private const int LongestKey = 32;

    private static readonly nint Aes128Gcm = Fetch("AES-128-GCM");
    private static readonly nint Aes256Gcm = Fetch("AES-256-GCM");

    private readonly TrafficSecret _secret;
    private readonly CipherHandle _handle;
    private readonly nint _context;
    private readonly int _encrypts;
    private readonly ulong _recordLimit;
    private uint _ivHead;
    private ulong _ivTail;
    private ulong _sequence;

    /// <summary>Makes the first key from a secret, which it owns from now on.</summary>
    /// <param name="secret">Known.</param>
    /// <param name="encrypts">Whether it is for sealing.</param>
    /// <param name="recordLimit">Records after which it <see cref="IsWorn"/>.</param>
    /// <param name="firstSequence">0, but in a test.</param>
    public RecordKey(TrafficSecret secret, bool encrypts, ulong recordLimit, ulong firstSequence = 0)
    {
        _secret = secret;
        _sequence = firstSequence;
        _encrypts = encrypts ? 1 : 0;
        _recordLimit = recordLimit;
        _handle = new CipherHandle();
        _context = _handle.DangerousGetHandle();
        Install(secret.KeyLength == LongestKey ? Aes256Gcm : Aes128Gcm);
    }

    /// <summary>Whether as many records were made with this key as one may make.</summary>
    public bool IsWorn => _sequence >= _recordLimit;

    /// <summary>Keys so far, the present one not counted.</summary>
    public int Updates { get; private set; }

    /// <summary>Goes on with the next key; the old one is gone.</summary>
    public void Update()
    {
        _secret.Update();
        Install(cipher: 0);
        _sequence = 0;
        Updates++;
    }

    /// <summary>Seals content that begins at <see cref="TlsRecords.HeaderSize"/>: header before, type and tag behind it.</summary>
    /// <returns>The record's length.</returns>
    public int Seal(Span<byte> slot, RecordType type, int content)
    {
        var ciphertext = content + 1 + TagSize;
        var record = slot[..(TlsRecords.HeaderSize + ciphertext)];
        record[0] = (byte)RecordType.ApplicationData;
        BinaryPrimitives.WriteUInt16BigEndian(record[1..], TlsRecords.Version);
        BinaryPrimitives.WriteUInt16BigEndian(record[3..], (ushort)ciphertext);
        record[TlsRecords.HeaderSize + content] = (byte)type;
        int written;
        fixed (byte* header = record)
        {
            var data = header + TlsRecords.HeaderSize;
            var tag = data + content + 1;
            if (!Begin()
                || LibCrypto.EVP_CipherUpdateBriefly(_context, null, &written, header, TlsRecords.HeaderSize) != 1
                || LibCrypto.EVP_CipherUpdate(_context, data, &written, data, content + 1) != 1
                || LibCrypto.EVP_CipherFinal_ex(_context, tag, &written) != 1
                || LibCrypto.EVP_CIPHER_CTX_ctrl(_context, LibCrypto.CtrlGetTag, TagSize, tag) != 1)
            {
                throw new TlsException(TlsFailure.Protocol, $"OpenSSL cannot seal a record: {OpenSslErrors.Drain() ?? "it gives no reason"}.");
            }
        }

        return record.Length;
    }

    /// <summary>Opens a whole record of at least a tag's length.</summary>
    /// <returns>Whether it is authentic; if not, its content is worthless.</returns>
    public bool Open(Span<byte> record)
    {
        int written;
        fixed (byte* header = record)
        {
            var data = header + TlsRecords.HeaderSize;
            var length = record.Length - TlsRecords.HeaderSize - TagSize;
            return Begin()
                && LibCrypto.EVP_CIPHER_CTX_ctrl(_context, LibCrypto.CtrlSetTag, TagSize, data + length) == 1
                && LibCrypto.EVP_CipherUpdateBriefly(_context, null, &written, header, TlsRecords.HeaderSize) == 1
                && LibCrypto.EVP_CipherUpdate(_context, data, &written, data, length) == 1
                && LibCrypto.EVP_CipherFinal_ex(_context, data + length, &written) == 1;
        }
    }

    public void Dispose()
    {
        _handle.Dispose();
        _secret.Dispose();
    }

    /// <summary>Sets the next record's nonce, the sequence number XORed into the IV; none is used twice.</summary>
    private bool Begin()
    {
        if (_sequence == ulong.MaxValue)
        {
            return false;
        }

        var nonce = stackalloc byte[NonceSize];
        MemoryMarshal.Write(new Span<byte>(nonce, sizeof(uint)), _ivHead);
        BinaryPrimitives.WriteUInt64BigEndian(new Span<byte>(nonce + sizeof(uint), sizeof(ulong)), _ivTail ^ _sequence);
        _sequence++;
        return LibCrypto.EVP_CipherInit_ex2(_context, 0, null, nonce, _encrypts, 0) == 1;
    }

    private void Install(nint cipher)
    {
        Span<byte> key = stackalloc byte[LongestKey];
        Span<byte> iv = stackalloc byte[NonceSize];
        key = key[.._secret.KeyLength];
        _secret.DeriveKeys(key, iv);
        int done;
        fixed (byte* start = key)
        {
            done = LibCrypto.EVP_CipherInit_ex2(_context, cipher, start, null, _encrypts, 0);
        }

        CryptographicOperations.ZeroMemory(key);
        _ivHead = MemoryMarshal.Read<uint>(iv);
        _ivTail = BinaryPrimitives.ReadUInt64BigEndian(iv[sizeof(uint)..]);
        if (done != 1)
        {
            throw OpenSslException.FromQueue("set the key of records");
        }
    }

    /// <summary>Once for the process: fetching takes a lock and longer than making a key.</summary>
    private static nint Fetch(string name)
    {
        var cipher = LibCrypto.EVP_CIPHER_fetch(0, name, null);
        return cipher != 0 ? cipher : throw OpenSslException.FromQueue($"provide {name}");
    }
}
