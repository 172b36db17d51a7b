using System.Buffers;
using Ambient.Http.Rules;

namespace Ambient.Http.Sniffing;

/// <summary>
/// Decides what a connection speaks from bytes that nobody has consumed yet. It never asks for more than it needs to exclude HTTP: the first byte
/// that cannot begin a request line makes the rest opaque. How long to wait for the client's first bytes at all is for the owner: in a
/// protocol where the server speaks first none will come, so when the short bound is over without a byte the connection is opaque too. With
/// bytes that are still undecided then it is HTTP/1: nobody may pass by the rules for requests by sending one slowly.
/// </summary>
public static class ProtocolSniffer
{
    /// <summary>
    /// Bytes that are looked at: a whole request line as it mostly is, so that other protocols with commands like these (<c>GET key</c>) are told
    /// apart by their line's end. What decides when less has come is the method and the first character of the target.
    /// </summary>
    public const int MostNeeded = 256;

    private static readonly SearchValues<byte> Upper = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZ-"u8);

    private static ReadOnlySpan<byte> Preface => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8;

    /// <summary>Classifies the first bytes of a connection, as far as they have come.</summary>
    public static SniffedProtocol Classify(in ReadOnlySequence<byte> bytes)
    {
        Span<byte> copy = stackalloc byte[MostNeeded];
        var count = (int)Math.Min(bytes.Length, MostNeeded);
        bytes.Slice(0, count).CopyTo(copy);
        return Classify(copy[..count]);
    }

    /// <summary>Classifies the first bytes of a connection, as far as they have come.</summary>
    public static SniffedProtocol Classify(ReadOnlySpan<byte> bytes)
    {
        // RFC 9112 §2.2: empty lines may come before a request line.
        while (bytes.StartsWith("\r\n"u8))
        {
            bytes = bytes[2..];
        }

        if (bytes.IsEmpty || bytes.SequenceEqual("\r"u8))
        {
            return SniffedProtocol.Undecided;
        }

        if (bytes.Length <= Preface.Length ? Preface.StartsWith(bytes) : bytes.StartsWith(Preface))
        {
            // "P" may still become POST; what is longer than "PR" and no known method is the preface or nothing.
            return bytes.Length >= Preface.Length ? SniffedProtocol.Http2 : SniffedProtocol.Undecided;
        }

        var end = bytes.IndexOfAnyExcept(Upper);
        if (end < 0)
        {
            return Methods.IsBeginning(bytes) ? SniffedProtocol.Undecided : SniffedProtocol.Opaque;
        }

        if (bytes[end] != ' ' || Methods.Find(bytes[..end]) is null)
        {
            return SniffedProtocol.Opaque;
        }

        if (end + 1 == bytes.Length)
        {
            return SniffedProtocol.Undecided;
        }

        // A path, an asterisk, or the first letter of a URI or an authority; other text protocols have commands like these too.
        var first = bytes[end + 1];
        var lineEnd = bytes.IndexOf((byte)'\n');
        return (first is (byte)'/' or (byte)'*' or (byte)'[' || char.IsAsciiLetterOrDigit((char)first))
            && (lineEnd < 0 || bytes[..lineEnd].IndexOf(" HTTP/"u8) > 0)
                ? SniffedProtocol.Http1
                : SniffedProtocol.Opaque;
    }
}
