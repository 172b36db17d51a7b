using System.Buffers.Binary;
using System.Net;
using System.Text;

namespace Ambient.Sandbox.Dns;

/// <summary>A question: the name in lower case without the final dot, and the wanted record type.</summary>
internal readonly record struct DnsQuestion(string Name, ushort Type);

/// <summary>The part of RFC 1035 messages that a name server without delegations needs: one question in, addresses out.</summary>
internal static class DnsMessage
{
    /// <summary>Record types of RFC 1035 section 3.2.2 and RFC 3596.</summary>
    public const ushort TypeA = 1;
    public const ushort TypeAaaa = 28;

    /// <summary>Response codes of RFC 1035 section 4.1.1.</summary>
    public const int NoError = 0;
    public const int FormatError = 1;
    public const int NameError = 3;
    public const int NotImplemented = 4;
    public const int Refused = 5;

    private const int HeaderLength = 12;

    /// <summary>RFC 1035 section 4.2.1: UDP messages without EDNS hold 512 bytes; each of our answers takes at most 28.</summary>
    private const int MostAnswers = 12;

    /// <summary>Short, because services and pods of a sandbox come and go.</summary>
    private const uint TimeToLiveSeconds = 5;

    /// <summary>Reads a query.</summary>
    /// <returns>False for what is no answerable query: too short, a response, or not exactly one well-formed question.</returns>
    public static bool TryRead(ReadOnlySpan<byte> query, out DnsQuestion question, out int questionEnd)
    {
        question = default;
        questionEnd = HeaderLength;
        if (query.Length < HeaderLength || (query[2] & 0x80) != 0 || BinaryPrimitives.ReadUInt16BigEndian(query[4..]) != 1)
        {
            return false;
        }

        var name = new StringBuilder();
        var at = HeaderLength;
        while (true)
        {
            // A label is 1 to 63 bytes; pointers have no place in a question.
            if (at >= query.Length || query[at] > 63 || at + 1 + query[at] > query.Length)
            {
                return false;
            }

            var length = query[at++];
            if (length == 0)
            {
                break;
            }

            if (name.Length > 0)
            {
                name.Append('.');
            }

            name.Append(Encoding.ASCII.GetString(query.Slice(at, length)).ToLowerInvariant());
            at += length;
        }

        if (at + 4 > query.Length || at - HeaderLength > 255)
        {
            return false;
        }

        question = new DnsQuestion(name.ToString(), BinaryPrimitives.ReadUInt16BigEndian(query[at..]));
        questionEnd = at + 4;
        return true;
    }

    /// <summary>Answers a query that was read.</summary>
    public static byte[] Answer(ReadOnlySpan<byte> query, int questionEnd, int code, IReadOnlyList<IPAddress> addresses)
    {
        var shown = addresses.Take(MostAnswers).ToArray();
        using var message = new MemoryStream();
        message.Write(query[..questionEnd]);
        Span<byte> rest = stackalloc byte[6];
        foreach (var address in shown)
        {
            var bytes = address.GetAddressBytes();
            message.Write([0xc0, HeaderLength]); // the question's name
            message.Write([0, (byte)(bytes.Length == 4 ? TypeA : TypeAaaa), 0, 1]);
            BinaryPrimitives.WriteUInt32BigEndian(rest, TimeToLiveSeconds);
            BinaryPrimitives.WriteUInt16BigEndian(rest[4..], (ushort)bytes.Length);
            message.Write(rest);
            message.Write(bytes);
        }

        var answer = message.ToArray();
        answer[2] = (byte)(0x84 | (query[2] & 0x01)); // a response, authoritative; "recursion desired" is repeated
        answer[3] = (byte)code;
        BinaryPrimitives.WriteUInt16BigEndian(answer.AsSpan(6), (ushort)shown.Length);
        answer.AsSpan(8, 4).Clear(); // no authority, no additional records (an OPT record of the query is not repeated)
        return answer;
    }

    /// <summary>Answers a datagram that is no answerable query, if it has at least an id to answer to.</summary>
    public static byte[]? Malformed(ReadOnlySpan<byte> query)
    {
        if (query.Length < HeaderLength || (query[2] & 0x80) != 0)
        {
            return null;
        }

        var answer = new byte[HeaderLength];
        query[..2].CopyTo(answer);
        answer[2] = 0x80;
        answer[3] = FormatError;
        return answer;
    }
}
