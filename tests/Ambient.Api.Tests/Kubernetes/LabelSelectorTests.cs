using Ambient.Api.Kubernetes;

namespace Ambient.Api.Tests.Kubernetes;

public sealed class LabelSelectorTests
{
    private static readonly Dictionary<string, string> Web = new() { ["app"] = "web", ["tier"] = "front" };

    [Fact]
    public void An_empty_selector_selects_everything()
    {
        Assert.True(new LabelSelector().Matches(Web));
        Assert.True(new LabelSelector().Matches(null));
    }

    [Theory]
    [InlineData("app", "In", "web,api", true)]
    [InlineData("app", "In", "api", false)]
    [InlineData("none", "In", "web", false)]
    [InlineData("app", "NotIn", "api", true)]
    [InlineData("app", "NotIn", "web", false)]
    [InlineData("none", "NotIn", "web", true)]
    [InlineData("app", "Exists", null, true)]
    [InlineData("none", "Exists", null, false)]
    [InlineData("none", "DoesNotExist", null, true)]
    [InlineData("app", "DoesNotExist", null, false)]
    [InlineData("app", "Resembles", "web", false)]
    public void Each_operator_means_what_Kubernetes_means(string key, string @operator, string? values, bool matches)
    {
        var selector = new LabelSelector
        {
            MatchExpressions = [new() { Key = key, Operator = @operator, Values = values?.Split(',') }],
        };
        Assert.Equal(matches, selector.Matches(Web));
    }

    [Fact]
    public void All_parts_must_hold()
    {
        var selector = new LabelSelector
        {
            MatchLabels = new Dictionary<string, string> { ["app"] = "web" },
            MatchExpressions = [new() { Key = "tier", Operator = "In", Values = ["back"] }],
        };
        Assert.False(selector.Matches(Web));
    }
}
