using Ambient.Xds.Grpc;
using FsCheck;
using FsCheck.Fluent;

namespace Ambient.Xds.Tests.Grpc;

public sealed class StatusTextTests
{
    [Fact]
    public void Messages_survive_the_header() => Prop.ForAll<string>(text =>
    {
        // Lone surrogates are not text; UTF-8 replaces them.
        var message = new string([.. (text ?? "").Where(letter => !char.IsSurrogate(letter))]);
        var encoded = StatusText.Encode(message);
        return encoded.All(letter => letter is >= ' ' and <= '~') && StatusText.Decode(encoded) == message;
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Long_messages_are_cut() => Assert.InRange(StatusText.Encode(new string('é', 10_000)).Length, 4096, 4102);

    [Theory]
    [InlineData("1H", 3600_000)]
    [InlineData("2M", 120_000)]
    [InlineData("3S", 3000)]
    [InlineData("99999999m", 99_999_999)]
    [InlineData("1500u", 1.5)]
    [InlineData("1000000n", 1)]
    [InlineData("1n", 0.0001)]
    public void Timeouts_have_units(string text, double milliseconds) =>
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), StatusText.ParseTimeout(text));

    [Theory]
    [InlineData("")]
    [InlineData("m")]
    [InlineData("1")]
    [InlineData("-1m")]
    [InlineData("1x")]
    [InlineData("123456789m")]
    public void What_is_not_a_timeout_is_none(string text) => Assert.Null(StatusText.ParseTimeout(text));

    [Theory]
    [InlineData(0.2, "1m")]
    [InlineData(1500, "1500m")]
    [InlineData(100_000_000_000, "99999999S")]
    [InlineData(200_000_000, "200001S")]
    [InlineData(-5, "0m")]
    public void A_timeout_is_never_shorter_on_the_wire(double milliseconds, string text) =>
        Assert.Equal(text, StatusText.Timeout(TimeSpan.FromMilliseconds(milliseconds)));
}
