namespace Ambient.Api.Tests;

public sealed class SpiffeIdTests
{
    [Fact]
    public void An_identity_is_read_and_written_alike()
    {
        const string Uri = "spiffe://cluster.local/ns/shop/sa/web";
        Assert.True(SpiffeId.TryParse(Uri, out var id));
        Assert.Equal(new SpiffeId("cluster.local", "shop", "web"), id);
        Assert.Equal(Uri, id.ToString());
        Assert.Equal("cluster.local/ns/shop/sa/web", id.Principal);
    }

    /// <summary>Whatever is not exactly the form could be somebody else's identity, and is nobody's.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("spiffe://")]
    [InlineData("cluster.local/ns/shop/sa/web")]
    [InlineData("SPIFFE://cluster.local/ns/shop/sa/web")]
    [InlineData("https://cluster.local/ns/shop/sa/web")]
    [InlineData("spiffe://cluster.local/ns/shop/sa/web/")]
    [InlineData("spiffe://cluster.local/ns/shop/sa/web/more")]
    [InlineData("spiffe://cluster.local//ns/shop/sa/web")]
    [InlineData("spiffe:///ns/shop/sa/web")]
    [InlineData("spiffe://cluster.local/ns//sa/web")]
    [InlineData("spiffe://cluster.local/ns/shop/sa/")]
    [InlineData("spiffe://cluster.local/sa/web/ns/shop")]
    public void Anything_else_is_refused(string? uri)
    {
        Assert.False(SpiffeId.TryParse(uri, out _));
        if (uri is not null)
        {
            var failure = Assert.Throws<FormatException>(() => SpiffeId.Parse(uri));
            Assert.Contains("spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT", failure.Message, StringComparison.Ordinal);
        }
    }
}
