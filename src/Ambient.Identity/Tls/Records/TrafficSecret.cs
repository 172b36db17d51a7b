using System.Buffers;
using System.Security.Cryptography;
using System.Text;

namespace Ambient.Identity.Tls.Records;

/// <summary>
/// The secret that the keys of one direction come from (application_traffic_secret_N of RFC 8446 §7.1). It lies in
/// pinned memory, so that the collector leaves no copy behind, and is wiped when it is replaced or disposed.
/// </summary>
internal sealed class TrafficSecret : IDisposable
{
    /// <summary>SHA-384, of TLS_AES_256_GCM_SHA384, has the longest; SHA-256 belongs to TLS_AES_128_GCM_SHA256.</summary>
    private const int MaxLength = 48;

    private readonly byte[] _bytes = GC.AllocateArray<byte>(MaxLength, pinned: true);
    private int _length;

    /// <summary>Bytes of the cipher's key.</summary>
    public int KeyLength => _length == SHA384.HashSizeInBytes ? 32 : 16;

    /// <summary>Whether it was set. Its length tells which of the two cipher suites was agreed on.</summary>
    public bool IsKnown => _length is SHA256.HashSizeInBytes or SHA384.HashSizeInBytes;

    /// <summary>Where it lies, for the test that it is wiped.</summary>
    internal ReadOnlyMemory<byte> Memory => _bytes;

    private HashAlgorithmName Hash => _length == SHA384.HashSizeInBytes ? HashAlgorithmName.SHA384 : HashAlgorithmName.SHA256;

    private ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _length);

    /// <summary>Sets it from hexadecimal digits; what is no secret of our ciphers leaves it unknown.</summary>
    public void SetHex(ReadOnlySpan<byte> digits)
    {
        var done = Convert.FromHexString(digits, _bytes, out _, out _length);
        _length = done == OperationStatus.Done ? _length : 0;
    }

    /// <summary>Derives key and IV of its records (RFC 8446 §7.3).</summary>
    /// <param name="key">Of <see cref="KeyLength"/>; the caller wipes it.</param>
    public void DeriveKeys(Span<byte> key, Span<byte> iv)
    {
        Expand("key", key);
        Expand("iv", iv);
    }

    /// <summary>Becomes the next generation's secret (RFC 8446 §7.2); the old one is gone.</summary>
    public void Update()
    {
        Span<byte> next = stackalloc byte[MaxLength];
        next = next[.._length];
        Expand("traffic upd", next);
        next.CopyTo(_bytes);
        CryptographicOperations.ZeroMemory(next);
    }

    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_bytes);
        _length = 0;
    }

    /// <summary>HKDF-Expand-Label with an empty context.</summary>
    private void Expand(string label, Span<byte> output)
    {
        const string Prefix = "tls13 ";
        Span<byte> info = stackalloc byte[4 + Prefix.Length + label.Length];
        info[0] = 0;
        info[1] = (byte)output.Length;
        info[2] = (byte)(Prefix.Length + label.Length);
        Encoding.ASCII.GetBytes(Prefix, info[3..]);
        Encoding.ASCII.GetBytes(label, info[(3 + Prefix.Length)..]);
        info[^1] = 0;
        HKDF.Expand(Hash, Bytes, output, info);
    }
}

/// <summary>The first traffic secrets of both directions, as OpenSSL's key log tells them during the handshake.</summary>
internal sealed class TrafficSecrets : IDisposable
{
    /// <summary>The client's random value in hexadecimal digits, and a space.</summary>
    private const int RandomDigits = 64 + 1;

    /// <summary>Of what the client sends.</summary>
    public TrafficSecret Client { get; } = new();

    /// <summary>Of what the server sends.</summary>
    public TrafficSecret Server { get; } = new();

    public bool AreKnown => Client.IsKnown && Server.IsKnown;

    /// <summary>Takes a line of the key log (<c>LABEL CLIENT-RANDOM SECRET</c>) if it is one of ours.</summary>
    public void TakeLine(ReadOnlySpan<byte> line)
    {
        Take(line, "CLIENT_TRAFFIC_SECRET_0 "u8, Client);
        Take(line, "SERVER_TRAFFIC_SECRET_0 "u8, Server);
    }

    public void Dispose()
    {
        Client.Dispose();
        Server.Dispose();
    }

    private static void Take(ReadOnlySpan<byte> line, ReadOnlySpan<byte> label, TrafficSecret into)
    {
        if (line.StartsWith(label) && line.Length > label.Length + RandomDigits)
        {
            into.SetHex(line[(label.Length + RandomDigits)..]);
        }
    }
}
