using System.Buffers;
using System.Text;
using Ambient.Hbone.Frames;
using Ambient.Hbone.Hpack;
using FsCheck;
using FsCheck.Fluent;

namespace Ambient.Hbone.Tests;

/// <summary>What holds for every input of the codecs.</summary>
public sealed class CodecPropertyTests
{
    [Fact]
    public void An_integer_survives_every_prefix() => Prop.ForAll<NonNegativeInt, PositiveInt>((value, prefix) =>
    {
        var bits = (prefix.Get % 8) + 1;
        foreach (var number in new[] { value.Get, value.Get * 7_919, int.MaxValue - value.Get })
        {
            var wanted = Math.Abs(number);
            var output = new ArrayBufferWriter<byte>();
            HpackInteger.Write(output, wanted, bits, 0);
            var position = 0;
            if (HpackInteger.Read(output.WrittenSpan, ref position, bits) != wanted || position != output.WrittenCount)
            {
                return false;
            }
        }

        return true;
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Every_string_survives_the_Huffman_code() => Prop.ForAll<byte[]>(bytes =>
    {
        var text = Encoding.Latin1.GetString(bytes);
        var encoded = new byte[HuffmanCode.EncodedLength(text)];
        HuffmanCode.Encode(text, encoded);
        var decoded = new byte[HuffmanCode.MostDecoded(encoded.Length)];
        return decoded.AsSpan(0, HuffmanCode.Decode(encoded, decoded)).SequenceEqual(bytes);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Every_byte_survives_the_Huffman_code_alone_and_beside_every_other()
    {
        for (var first = 0; first < 256; first++)
        {
            for (var second = 0; second < 256; second++)
            {
                var text = $"{(char)first}{(char)second}{(char)first}";
                var encoded = new byte[HuffmanCode.EncodedLength(text)];
                HuffmanCode.Encode(text, encoded);
                var decoded = new byte[64];
                var length = HuffmanCode.Decode(encoded, decoded);
                Assert.Equal(text, Encoding.Latin1.GetString(decoded, 0, length));
            }
        }
    }

    [Fact]
    public void The_code_is_complete() =>
        Assert.Equal(1L << 30, HuffmanLengths.BySymbol.ToArray().Sum(length => 1L << (30 - length)));

    [Fact]
    public void Lists_survive_encoder_and_decoder_while_the_table_changes()
    {
        var encoder = new HpackEncoder(useHuffman: true);
        var decoder = new HpackDecoder(4_096);
        Prop.ForAll<(byte Name, byte Value, bool Sensitive)[], NonNegativeInt>((seeds, table) =>
        {
            encoder.LimitTable((uint)(table.Get * 97 % 5_000));
            string[] names = [":authority", "baggage", "forwarded", "x-forwarded-network", "cookie", "traceparent", ":status"];
            var fields = seeds.Select(seed => new HeaderField(
                names[seed.Name % names.Length], new string((char)seed.Value, seed.Value * 3), seed.Sensitive)).ToList();
            var block = new ArrayBufferWriter<byte>();
            encoder.Begin(block);
            fields.ForEach(field => encoder.Write(block, field));
            var decoded = new List<HeaderField>();
            return decoder.Decode(block.WrittenSpan, decoded, int.MaxValue / 8) && decoded.SequenceEqual(fields);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void No_block_makes_the_decoder_fail_in_another_way_than_its_own() => Prop.ForAll<byte[]>(block =>
    {
        var decoder = new HpackDecoder(256);
        var fields = new List<HeaderField>();
        try
        {
            decoder.Decode(block, fields, 4_096);
        }
        catch (Exception exception) when (exception is HpackException or HeaderBombException)
        {
        }

        return decoder.TableSize <= 256;
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void The_fixed_corpus_makes_the_decoder_fail_in_no_other_way_either()
    {
        var random = new Random(7_541);
        for (var round = 0; round < 20_000; round++)
        {
            var block = new byte[random.Next(1, 60)];
            random.NextBytes(block);
            var fields = new List<HeaderField>();
            var decoder = new HpackDecoder(512);
            try
            {
                decoder.Decode(block, fields, 2_048);
                decoder.Decode(block, fields, 2_048);
            }
            catch (Exception exception) when (exception is HpackException or HeaderBombException)
            {
            }

            Assert.InRange(decoder.TableSize, 0, 512);
        }
    }

    [Fact]
    public void A_frame_header_survives() => Prop.ForAll<NonNegativeInt, byte, byte>((number, type, flags) =>
    {
        var octets = new byte[FrameHeader.Size];
        var length = number.Get * 7_919 & 0xff_ffff;
        var id = number.Get * 104_729 & int.MaxValue;
        FrameHeader.Write(octets, length, (FrameType)type, (FrameFlags)flags, id);
        return FrameHeader.Read(octets) == new FrameHeader(length, (FrameType)type, (FrameFlags)flags, id);
    }).QuickCheckThrowOnFailure();
}
