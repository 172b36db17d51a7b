using System.Buffers;
using System.Text;
using Ambient.Http.Sniffing;

namespace Ambient.Http.Tests.Sniffing;

public sealed class ProtocolSnifferTests
{
    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\n\r\n", SniffedProtocol.Http1)]
    [InlineData("\r\nPOST /x HTTP/1.1\r\n", SniffedProtocol.Http1)]
    [InlineData("OPTIONS * HTTP/1.1\r\n", SniffedProtocol.Http1)]
    [InlineData("GET http://a/ HTTP/1.1\r\n", SniffedProtocol.Http1)]
    [InlineData("GET /x HTTP/1.0\r\n", SniffedProtocol.Http1)]
    [InlineData("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004", SniffedProtocol.Http2)]
    [InlineData("\u0016\u0003\u0001\u0002\0\u0001", SniffedProtocol.Opaque)]
    [InlineData("SSH-2.0-OpenSSH_9.9\r\n", SniffedProtocol.Opaque)]
    [InlineData("EHLO client\r\n", SniffedProtocol.Opaque)]
    [InlineData("GET key\r\n", SniffedProtocol.Opaque)]
    [InlineData("*1\r\n$4\r\nPING\r\n", SniffedProtocol.Opaque)]
    [InlineData("CONNECT {\"verbose\":false}\r\n", SniffedProtocol.Opaque)]
    [InlineData("get / HTTP/1.1\r\n", SniffedProtocol.Opaque)]
    [InlineData("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", SniffedProtocol.Opaque)]
    [InlineData("\0\0\0\u0008", SniffedProtocol.Opaque)]
    public void The_first_bytes_tell_and_no_beginning_of_them_tells_otherwise(string bytes, SniffedProtocol expected)
    {
        Assert.Equal(expected, Classify(bytes));
        for (var length = 0; length < bytes.Length; length++)
        {
            // A line that is not whole may look like HTTP until its end shows; what is HTTP never looks opaque.
            var early = Classify(bytes[..length]);
            Assert.True(
                early == SniffedProtocol.Undecided || early == expected || (early == SniffedProtocol.Http1 && expected == SniffedProtocol.Opaque),
                $"{length} bytes: {early}");
            Assert.True(length > 0 || early == SniffedProtocol.Undecided);
        }
    }

    [Fact]
    public void Bytes_in_several_segments_are_one_beginning()
    {
        var pipe = new System.IO.Pipelines.Pipe(new System.IO.Pipelines.PipeOptions(minimumSegmentSize: 16));
        foreach (var octet in Encoding.ASCII.GetBytes("POST /a/rather/long/path/that/spans/segments HTTP/1.1\r\n"))
        {
            pipe.Writer.GetSpan(16)[0] = octet;
            pipe.Writer.Advance(1);
        }

        Assert.True(pipe.Writer.FlushAsync().AsTask().IsCompleted);
        Assert.True(pipe.Reader.TryRead(out var result));
        Assert.False(result.Buffer.IsSingleSegment);
        Assert.Equal(SniffedProtocol.Http1, ProtocolSniffer.Classify(result.Buffer));
    }

    private static SniffedProtocol Classify(string bytes) => ProtocolSniffer.Classify(new ReadOnlySequence<byte>(Encoding.Latin1.GetBytes(bytes)));
}
