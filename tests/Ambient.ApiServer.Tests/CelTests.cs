using System.Text.Json.Nodes;
using Ambient.ApiServer.Rules;

namespace Ambient.ApiServer.Tests;

public sealed class CelTests
{
    private const string Self = """
        {"mode":"B","size":1,"name":"web-1","list":[1,2,3],"items":[{"n":"a","v":1},{"n":"b","v":2}],"map":{"x":"y"},"flag":true,"none":null}
        """;

    [Theory]
    [InlineData("!(has(self.mode) && self.mode == 'B') || self.size > 3", false)]
    [InlineData("has(self.nosuch)", false)]
    [InlineData("has(self.map.x) && self.map['x'] == \"y\"", true)]
    [InlineData("self.size + 2 * 3 == 7 && (self.size + 2) * 3 == 9", true)]
    [InlineData("7 / 2 == 3 && 7 % 4 == 3 && -self.size < 0", true)]
    [InlineData("self.list.all(x, x > 0) && self.list.exists(x, x == 2) && self.list.exists_one(x, x == 3)", true)]
    [InlineData("self.items.map(i, i.n) == ['a', 'b'] && self.items.filter(i, i.v > 1).size() == 1", true)]
    [InlineData("size(self.list) == 3 && self.name.size() == 5 && self.map.size() == 1", true)]
    [InlineData("self.name.startsWith('web') && self.name.endsWith('1') && self.name.contains('-') && self.name.matches('^[a-z]+-[0-9]$')", true)]
    [InlineData("'x' in self.map && 2 in self.list && !('z' in self.map)", true)]
    [InlineData("self.flag ? self.size == 1 : false", true)]
    [InlineData("self.items.all(a, self.items.exists(b, b.n == a.n))", true)]
    [InlineData("false && self.nosuch.x == 1", false)]
    [InlineData("self.nosuch.x == 1 || true", true)]
    [InlineData("[1] + [2] == [1, 2] && 'a' + 'b' == 'ab' // the end", true)]
    [InlineData("int('5') == 5 && string(5) == '5' && self.none == null", true)]
    public void An_expression_has_the_value_that_the_language_gives_it(string expression, bool expected)
    {
        var names = new Dictionary<string, object?> { ["self"] = CelEvaluator.FromJson(JsonNode.Parse(Self)) };
        Assert.Equal(expected, new CelEvaluator(names).Evaluate(CelParser.Parse(expression)));
    }

    [Theory]
    [InlineData("self.nosuch == 1", "no such key: nosuch")]
    [InlineData("other == 1", "undeclared reference to 'other'")]
    [InlineData("self.list[3] == 1", "index out of bounds: 3")]
    [InlineData("self.name < 1", "no such overload")]
    [InlineData("self.list.all(x, self.list.all(y, self.list.all(z, nosuch)))", "undeclared reference")]
    public void What_cannot_be_evaluated_says_why(string expression, string message)
    {
        var names = new Dictionary<string, object?> { ["self"] = CelEvaluator.FromJson(JsonNode.Parse(Self)) };
        var error = Assert.Throws<CelException>(() => new CelEvaluator(names).Evaluate(CelParser.Parse(expression)));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("self.")]
    [InlineData("(self")]
    [InlineData("'open")]
    [InlineData("a b")]
    [InlineData("a # b")]
    public void What_is_no_expression_is_refused(string text) => Assert.Throws<FormatException>(() => CelParser.Parse(text));

    [Fact]
    public void Nesting_without_end_is_refused() =>
        Assert.Throws<FormatException>(() => CelParser.Parse(new string('(', 100_000)));

    [Fact]
    public void A_rule_that_costs_too_much_is_stopped()
    {
        var list = new JsonArray([.. Enumerable.Range(0, 200).Select(number => (JsonNode)number)]);
        var names = new Dictionary<string, object?> { ["self"] = list };
        var node = CelParser.Parse("self.all(a, self.all(b, self.all(c, self.all(d, a + b + c + d >= 0))))");
        Assert.Contains("costs too much", Assert.Throws<CelException>(() => new CelEvaluator(names).Evaluate(node)).Message, StringComparison.Ordinal);
    }
}
