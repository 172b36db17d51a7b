using System.Text.Json.Nodes;

namespace Ambient.Kubernetes.Tests;

public sealed class ManifestsTests
{
    [Theory]
    [InlineData("a", "\"a\"")]
    [InlineData("\"1\"", "\"1\"")]
    [InlineData("'true'", "\"true\"")]
    [InlineData("!!str 5", "\"5\"")]
    [InlineData("true", "true")]
    [InlineData("yes", "true")]
    [InlineData("off", "false")]
    [InlineData("~", "null")]
    [InlineData("", "null")]
    [InlineData("''", "\"\"")]
    [InlineData("0644", "420")]
    [InlineData("0o17", "15")]
    [InlineData("0x1F", "31")]
    [InlineData("-0b11", "-3")]
    [InlineData("1_000", "1000")]
    [InlineData("-7", "-7")]
    [InlineData("1.5", "1.5")]
    [InlineData("1e3", "1000")]
    [InlineData("1.2.3", "\"1.2.3\"")]
    [InlineData("10.0.0.1", "\"10.0.0.1\"")]
    [InlineData("089", "89")]
    [InlineData("2026-01-02", "\"2026-01-02\"")]
    [InlineData("2026-01-02T03:04:05Z", "\"2026-01-02T03:04:05Z\"")]
    [InlineData("-", "\"-\"")]
    [InlineData("9223372036854775807", "9223372036854775807")]
    public void A_scalar_has_the_type_that_kubectl_gives_it(string yaml, string json)
    {
        // A lone dash begins a list in block style, so the value is written in flow style there.
        var text = yaml == "-" ? "v: [\"-\"]" : $"v: {yaml}";
        var value = Manifests.Parse(text)[0]["v"];
        var actual = yaml == "-" ? value![0] : value;
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(json), actual), $"{yaml} became {actual?.ToJsonString() ?? "null"}");
    }

    [Fact]
    public void Documents_lists_anchors_and_merge_keys_are_read()
    {
        var documents = Manifests.Parse("""
            # a comment alone
            ---
            kind: A
            base: &base {x: 1, y: [a, b]}
            copy:
              <<: *base
              x: 2
              z: |
                two
                lines
            ---
            kind: List
            items:
            - kind: B
            - {"kind": "C", "n": "1"}
            ---
            """);
        Assert.Equal(["A", "B", "C"], documents.Select(document => (string?)document["kind"]));
        Assert.Equal("""{"x":2,"y":["a","b"],"z":"two\nlines\n"}""", Sorted(documents[0]["copy"]!));
        Assert.Equal("1", (string?)documents[2]["n"]);
    }

    [Theory]
    [InlineData("a: [1, 2", "bad.yaml:")]
    [InlineData("a: 1\na: 2", "bad.yaml:")]
    [InlineData("- 1", "bad.yaml:1: the document is not a mapping")]
    [InlineData("a: .nan", "bad.yaml:1: .nan has no place in JSON")]
    public void What_cannot_be_read_names_file_and_line(string yaml, string message) =>
        Assert.Contains(message, Assert.Throws<FormatException>(() => Manifests.Parse(yaml, "bad.yaml")).Message, StringComparison.Ordinal);

    [Fact]
    public void Aliases_of_aliases_do_not_explode()
    {
        var lines = new List<string> { "a0: &a0 [x, x, x, x, x, x, x, x, x, x]" };
        for (var level = 1; level < 9; level++)
        {
            var reference = string.Join(", ", Enumerable.Repeat($"*a{level - 1}", 10));
            lines.Add($"a{level}: &a{level} [{reference}]");
        }

        var error = Assert.Throws<FormatException>(() => Manifests.Parse(string.Join('\n', lines)));
        Assert.Contains("aliases nested", error.Message, StringComparison.Ordinal);
    }

    private static string Sorted(JsonNode node) =>
        new JsonObject(node.AsObject().OrderBy(field => field.Key, StringComparer.Ordinal)
            .Select(field => KeyValuePair.Create(field.Key, field.Value?.DeepClone()))).ToJsonString();
}
