using System.Text;
using Ambient.Http.Fields;

namespace Ambient.Http.Tests.Fields;

public sealed class FieldListTests
{
    [Fact]
    public void Fields_keep_their_order_and_are_found_by_their_lower_case_name()
    {
        var fields = Make(("Accept", "*/*"), ("X-A", "1"), ("x-a", "2"), ("Content-Length", "5"));
        Assert.Equal(["accept: */*", "x-a: 1", "x-a: 2", "content-length: 5"], Lines(fields));
        Assert.True(fields.TryGet("x-a"u8, out var first));
        Assert.Equal("1", Encoding.ASCII.GetString(first));
        Assert.Equal("1,2", fields.Text("x-a"));
        Assert.Null(fields.Text("x-b"));
        Assert.True(fields.TryGet(FieldKind.ContentLength, out var length));
        Assert.Equal("5", Encoding.ASCII.GetString(length));
    }

    [Fact]
    public void A_field_that_is_set_takes_the_place_of_all_of_its_name()
    {
        var fields = Make(("a", "1"), ("b", "2"), ("a", "3"), ("c", "4"));
        fields.Set("A", "a longer value");
        fields.Set("d", "5");
        Assert.Equal(["a: a longer value", "b: 2", "c: 4", "d: 5"], Lines(fields));
        Assert.True(fields.Remove("b"u8));
        Assert.False(fields.Remove("b"u8));
        Assert.Equal(["a: a longer value", "c: 4", "d: 5"], Lines(fields));
        Assert.Equal(Lines(fields).Sum(line => line.Length + 2), fields.Size);
    }

    [Fact]
    public void A_copy_is_independent_and_a_cleared_list_is_empty()
    {
        var fields = Make([.. Enumerable.Range(0, 100).Select(index => ($"x-{index}", new string('v', index)))]);
        var copy = new FieldList();
        copy.CopyFrom(fields);
        var lines = Lines(fields);
        fields.Clear();
        Assert.Equal(0, fields.Count);
        Assert.Equal(0, fields.Size);
        Assert.Equal(lines, Lines(copy));
    }

    [Theory]
    [InlineData("", "v")]
    [InlineData("a b", "v")]
    [InlineData("a:", "v")]
    [InlineData("a", "v\r\nb: 1")]
    [InlineData("a", "v\0")]
    [InlineData("a", "\u20ac")]
    public void What_is_no_field_cannot_be_added(string name, string value)
    {
        var fields = new FieldList();
        Assert.ThrowsAny<ArgumentException>(() => fields.Add(name, value));
        Assert.Equal(0, fields.Count);
    }

    private static FieldList Make(params (string Name, string Value)[] fields)
    {
        var list = new FieldList();
        foreach (var (name, value) in fields)
        {
            list.Add(name, value);
        }

        return list;
    }

    private static List<string> Lines(FieldList fields)
    {
        var lines = new List<string>();
        for (var index = 0; index < fields.Count; index++)
        {
            lines.Add($"{fields[index].NameText}: {fields[index].ValueText}");
        }

        return lines;
    }
}
