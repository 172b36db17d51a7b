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
    public void An_expression_has_a_bound() => Assert.Throws<FormatException>(() => Re2.Compile(new string('a', 5000)));
}
