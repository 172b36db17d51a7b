using Ambient.Mesh.Http;

namespace Ambient.Mesh.Tests.Http;

/// <summary>RE2's syntax as far as it is spelt differently from the framework's, and expressions that RE2 has not.</summary>
public sealed class Re2Tests
{
    [Theory]
    [InlineData("a", "a", true)]
    [InlineData("a", "ba", false)]
    [InlineData("a$", "a", true)]
    [InlineData("a$", "a\n", false)]
    [InlineData("^a", "a", true)]
    [InlineData("a|b$|c", "b", true)]
    [InlineData("\\d+", "123", true)]
    [InlineData("\\d+", "١٢٣", false)]
    [InlineData("\\w+", "a_1", true)]
    [InlineData("\\w+", "é", false)]
    [InlineData("\\W", "-", true)]
    [InlineData("[\\d-]+", "1-2", true)]
    [InlineData("[^\\d]+", "ab", true)]
    [InlineData("[[:alpha:]]+", "abC", true)]
    [InlineData("[[:alpha:]]+", "ab1", false)]
    [InlineData("[^[:space:]]+", "a b", false)]
    [InlineData("[]a]+", "]a", true)]
    [InlineData("[^]a]+", "]", false)]
    [InlineData("[a-z-[b]]", "[]", true)]
    [InlineData("(?P<name>a)b", "ab", true)]
    [InlineData("(?i)AB", "ab", true)]
    [InlineData("\\Qa.b\\E+", "a.b", true)]
    [InlineData("\\Qa.b\\E", "axb", false)]
    [InlineData("\\pL+", "ab", true)]
    [InlineData("a{2,3}", "aaa", true)]
    [InlineData("(a+)+b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false)]
    public void Expressions_hold_for_the_whole_text(string pattern, string text, bool holds) =>
        Assert.Equal(holds, Re2.Compile(pattern).IsMatch(text));

    /// <summary>Texts of requests are bytes, one character each.</summary>
    [Fact]
    public void What_is_not_ASCII_is_compared_by_its_bytes()
    {
        Assert.Matches(Re2.Compile("caf(é|e)+"), WireText.Of("caféé"));
        Assert.True(new TextMatcher(TextMatchKind.Exact, "日本").Holds(WireText.Of("日本")));
        Assert.True(new PathMatcher(PathMatchKind.Regex, "/😀?x").Holds("/x"));
    }

    [Theory]
    [InlineData("(?=a)b")]
    [InlineData("(a)\\1")]
    [InlineData("(?<!a)b")]
    [InlineData("a(")]
    [InlineData("[é]")]
    [InlineData("[[:letters:]]")]
    [InlineData("[\\D]")]
    [InlineData("a\\")]
    public void What_RE2_has_not_is_refused(string pattern) =>
        Assert.Contains(pattern, Assert.Throws<FormatException>(() => Re2.Compile(pattern)).Message, StringComparison.Ordinal);

    [Fact]
    public void An_expression_has_a_bound()
    {
        Assert.Throws<FormatException>(() => Re2.Compile(new string('a', 5000)));
        Assert.Throws<FormatException>(() => Re2.Compile("((a{1000}){1000}){1000}"));
        Assert.Matches(Re2.Compile(new string('(', 1500) + 'a' + new string(')', 1500)), "a");
    }

    /// <summary>The rule that could not be told might be the one that refuses, so the next one does not get the request.</summary>
    [Fact]
    public void An_expression_that_takes_too_long_refuses_the_request()
    {
        var scene = Scene.Service("""
            routes: [{source: R, rule: slow, matches: [{path: {regex: "/.*a.{300}b"}}], response: {status: 403}}, {response: {status: 200}}]
            """);
        var random = new Random(1);
        var path = new string([.. Enumerable.Range(0, 60_000).Select(_ => "ax"[random.Next(2)])]);
        var request = new Request($"GET /{path}");
        var decision = scene.Decide(request);
        Assert.Equal((RouteOutcome.Undecided, 500, "slow"), (decision.Outcome, decision.Status, decision.Route?.Rule));
        Assert.Equal("R rule slow has an expression that takes too long for this request; simplify it", HttpRouteExplanation.Render(Scene.Shop, request.Facts, decision));
        Assert.EndsWith(": 500", HttpRouteExplanation.Steps(Scene.Shop, request.Facts, decision)[^1], StringComparison.Ordinal);
        Assert.Equal(200, scene.Decide(new Request("GET /a")).Status);
    }
}
