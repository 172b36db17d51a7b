using Ambient.Xds.Delta;

namespace Ambient.Xds.Tests.Delta;

public sealed class HeldVersionTests
{
    /// <summary>A server compares versions as texts, so they go back letter by letter.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("1f")]
    [InlineData("00ff")]
    [InlineData("1F")]
    [InlineData("ffffffffffffffff")]
    [InlineData("10000000000000000")]
    [InlineData("f3c1a95a0b7d4e21")]
    [InlineData("v7")]
    [InlineData("2026-11-21T10:00:00Z/14")]
    public void A_version_reads_as_it_came(string version) => Assert.Equal(version, new HeldVersion(version).ToString());
}
