using System.Buffers;
using Ambient.Hbone.Hpack;

namespace Ambient.Hbone.Tests;

/// <summary>The examples of RFC 7541 Appendix C, and broken blocks.</summary>
public sealed class HpackTests
{
    private const string Date1 = "Mon, 21 Oct 2013 20:13:21 GMT";
    private const string Date2 = "Mon, 21 Oct 2013 20:13:22 GMT";
    private const string Cookie = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";

    private static readonly string[][] Requests =
    [
        [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"],
        [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com", "cache-control: no-cache"],
        [":method: GET", ":scheme: https", ":path: /index.html", ":authority: www.example.com", "custom-key: custom-value"],
    ];

    private static readonly string[][] Responses =
    [
        [":status: 302", "cache-control: private", "date: " + Date1, "location: https://www.example.com"],
        [":status: 307", "cache-control: private", "date: " + Date1, "location: https://www.example.com"],
        [":status: 200", "cache-control: private", "date: " + Date2, "location: https://www.example.com", "content-encoding: gzip", "set-cookie: " + Cookie],
    ];

    [Theory]
    [InlineData(10, 5, "0a")]
    [InlineData(1337, 5, "1f9a0a")]
    [InlineData(42, 8, "2a")]
    public void C1_integers(int value, int prefix, string hex)
    {
        var output = new ArrayBufferWriter<byte>();
        HpackInteger.Write(output, value, prefix, 0);
        Assert.Equal(hex, Convert.ToHexStringLower(output.WrittenSpan));
        var position = 0;
        Assert.Equal(value, HpackInteger.Read(output.WrittenSpan, ref position, prefix));
        Assert.Equal(output.WrittenCount, position);
    }

    [Theory]
    [InlineData("400a637573746f6d2d6b65790d637573746f6d2d686561646572", "custom-key: custom-header", 55)]
    [InlineData("040c2f73616d706c652f70617468", ":path: /sample/path", 0)]
    [InlineData("100870617373776f726406736563726574", "password: secret", 0)]
    [InlineData("82", ":method: GET", 0)]
    public void C2_fields(string hex, string field, int tableSize)
    {
        var decoder = new HpackDecoder(4_096);
        Assert.Equal([field], Decode(decoder, hex));
        Assert.Equal(tableSize, decoder.TableSize);
    }

    [Fact]
    public void C3_requests_without_Huffman() => Check(4_096, Requests,
        ("828684410f7777772e6578616d706c652e636f6d", 57),
        ("828684be58086e6f2d6361636865", 110),
        ("828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565", 164));

    [Fact]
    public void C4_requests_with_Huffman() => Check(4_096, Requests,
        ("828684418cf1e3c2e5f23a6ba0ab90f4ff", 57),
        ("828684be5886a8eb10649cbf", 110),
        ("828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf", 164));

    [Fact]
    public void C5_responses_without_Huffman_in_a_table_of_256_bytes() => Check(256, Responses,
        ("4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d", 222),
        ("4803333037c1c0bf", 222),
        ("88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31", 215));

    [Fact]
    public void C6_responses_with_Huffman_in_a_table_of_256_bytes() => Check(256, Responses,
        ("488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3", 222),
        ("4883640effc1c0bf", 222),
        ("88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007", 215));

    [Theory]
    [InlineData("", "an empty block is no error")]
    [InlineData("20", "a size update alone is none either")]
    [InlineData("203fe11f82", "two size updates")]
    public void Blocks_that_are_legal(string hex, string why)
    {
        Assert.NotEmpty(why);
        Decode(new HpackDecoder(4_096), hex);
    }

    [Theory]
    [InlineData("80", "index 0")]
    [InlineData("be", "an index beyond both tables")]
    [InlineData("ff", "a block that ends inside an integer")]
    [InlineData("ffffffffffffffffffff", "an integer without end")]
    [InlineData("ff80808080808080807f", "an integer padded with zeros beyond five octets")]
    [InlineData("8220", "a size update after a field")]
    [InlineData("202020", "three size updates")]
    [InlineData("3fe21f", "a table larger than announced")]
    [InlineData("4005", "a name longer than the block")]
    [InlineData("40016180", "an encoded value that is missing: its length alone")]
    [InlineData("40016184ffffffff", "the end-of-string code inside a string")]
    [InlineData("40016182ffff", "padding of more than seven bits")]
    [InlineData("4001618100", "padding of zeros")]
    public void Blocks_that_lose_the_compression_state(string hex, string why)
    {
        if (why.StartsWith("an encoded value that is missing", StringComparison.Ordinal))
        {
            Assert.Equal(["a: "], Decode(new HpackDecoder(4_096), hex)); // length 0 is legal
            return;
        }

        Assert.Throws<HpackException>(() => Decode(new HpackDecoder(4_096), hex));
    }

    [Fact]
    public void A_never_indexed_field_stays_out_of_the_table_and_keeps_its_mark()
    {
        var fields = new List<HeaderField>();
        var output = new ArrayBufferWriter<byte>();
        var encoder = new HpackEncoder(useHuffman: true);
        encoder.Begin(output);
        encoder.Write(output, new HeaderField("authorization", "secret", IsSensitive: true));
        encoder.Write(output, new HeaderField("baggage", "secret", IsSensitive: true));
        var decoder = new HpackDecoder(4_096);
        Assert.True(decoder.Decode(output.WrittenSpan, fields, 1_000));
        Assert.All(fields, field => Assert.True(field.IsSensitive));
        Assert.Equal(0, decoder.TableSize);
    }

    [Fact]
    public void A_value_that_repeats_takes_one_byte_the_second_time()
    {
        var encoder = new HpackEncoder(useHuffman: false);
        var field = new HeaderField("baggage", new string('b', 200));
        var first = new ArrayBufferWriter<byte>();
        encoder.Write(first, field);
        var second = new ArrayBufferWriter<byte>();
        encoder.Write(second, field);
        Assert.True(first.WrittenCount > 200);
        Assert.Equal(1, second.WrittenCount);
    }

    [Fact]
    public void A_table_that_the_peer_shrinks_and_grows_is_announced_in_that_order()
    {
        var encoder = new HpackEncoder(useHuffman: false);
        var decoder = new HpackDecoder(4_096);
        var fields = new List<HeaderField>();
        var block = new ArrayBufferWriter<byte>();
        encoder.Write(block, new HeaderField("baggage", "one"));
        Assert.True(decoder.Decode(block.WrittenSpan, fields, 1_000));
        Assert.True(decoder.TableSize > 0);
        encoder.LimitTable(0);
        encoder.LimitTable(1_000);
        block.ResetWrittenCount();
        encoder.Begin(block);
        Assert.True(decoder.Decode(block.WrittenSpan, fields, 1_000));
        Assert.Equal(0, decoder.TableSize);
    }

    private static void Check(int tableSize, string[][] lists, params (string Hex, int Size)[] blocks)
    {
        var decoder = new HpackDecoder(tableSize);
        for (var index = 0; index < blocks.Length; index++)
        {
            Assert.Equal(lists[index], Decode(decoder, blocks[index].Hex));
            Assert.Equal(blocks[index].Size, decoder.TableSize);
        }
    }

    private static List<string> Decode(HpackDecoder decoder, string hex)
    {
        var fields = new List<HeaderField>();
        Assert.True(decoder.Decode(Convert.FromHexString(hex), fields, 65_536));
        return [.. fields.Select(field => $"{field.Name}: {field.Value}")];
    }
}
