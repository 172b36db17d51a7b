using System.Net;
using Ambient.Api;
using Ambient.Mesh.Explanation;

namespace Ambient.Mesh.Tests.Explanation;

public sealed class HopQuestionTests
{
    [Fact]
    public void A_question_survives_its_query()
    {
        var question = new HopQuestion
        {
            Hop = Hop.Request,
            Client = IPAddress.Parse("fd00::1"),
            Identity = new SpiffeId("cluster.local", "shop", "web"),
            Destination = "[fd00::2]:80",
            Server = "c//Pod/shop/w-0",
            Method = "GET",
            Target = "/a%2Fb?c=d&e=f+g",
            Authority = "catalog.shop",
            Headers = [new("x-a", "1 & 2=3"), new("x-a", "è"), new("x-b", "")],
        };
        var read = HopQuestion.Parse(Decode(question.ToQuery()));
        Assert.Equal(question.Headers.AsEnumerable(), read.Headers);
        Assert.Equal(question with { Headers = read.Headers }, read);
    }

    [Theory]
    [InlineData("client=10.0.0.1&destination=10.0.0.2:80", "hop is missing")]
    [InlineData("hop=sideways&client=10.0.0.1&destination=10.0.0.2:80", "hop=sideways: use outbound, request or inbound")]
    [InlineData("hop=outbound&client=me&destination=10.0.0.2:80", "client=me: use an IP address")]
    [InlineData("hop=outbound&client=10.0.0.1", "destination is missing")]
    [InlineData("hop=inbound&client=10.0.0.1&destination=10.0.0.2:80&identity=web", "'web' is not spiffe://")]
    [InlineData("hop=request&client=10.0.0.1&destination=10.0.0.2:80&header=plain", "'plain' is no header")]
    public void What_is_wrong_is_named(string query, string said) =>
        Assert.Contains(said, Assert.Throws<FormatException>(() => HopQuestion.Parse(Decode(query))).Message, StringComparison.Ordinal);

    /// <summary>As a server of pages decodes a query.</summary>
    private static IEnumerable<KeyValuePair<string, string>> Decode(string query) => query.Split('&').Select(part => part.Split('=', 2))
        .Select(part => KeyValuePair.Create(part[0], Uri.UnescapeDataString(part[1].Replace('+', ' '))));
}
