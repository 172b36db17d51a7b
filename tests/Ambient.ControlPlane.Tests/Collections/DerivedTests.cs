using Ambient.ControlPlane.Collections;

namespace Ambient.ControlPlane.Tests.Collections;

public sealed class DerivedTests
{
    private readonly Graph _graph = new();
    private readonly Source<string> _words = new();
    private readonly Source<string> _suffixes = new();
    private readonly List<string> _failed = [];
    private int _derivations;

    public DerivedTests() => _graph.Failed += (key, _) => _failed.Add(key);

    [Fact]
    public void What_was_read_is_derived_again_when_it_changes_and_else_not()
    {
        var derived = Suffixed();
        _words.Set("a", "one");
        _words.Set("b", "two");
        _graph.Settle();

        _suffixes.Set("a", "!");
        Assert.Equal(1, _graph.Settle());

        Assert.Equal(["one!", "two"], derived.Items.OrderBy(item => item.Key).Select(item => item.Value));
    }

    [Fact]
    public void What_is_no_longer_read_no_longer_matters()
    {
        var derived = Suffixed();
        _words.Set("a", "one");
        _graph.Settle();
        _words.Set("a", null);
        _graph.Settle();

        _suffixes.Set("a", "!");

        Assert.Equal(0, _graph.Settle());
        Assert.Empty(derived.Items);
    }

    [Fact]
    public void A_condition_is_asked_of_the_old_object_and_of_the_new()
    {
        var byLength = _suffixes.IndexBy(suffix => $"{suffix.Length}");
        var derived = new Derived<string, string>(_graph, _words, (word, reads) =>
            [(word, word + string.Concat(reads.Find(byLength, "1", suffix => suffix != "?")))]);
        _words.Set("a", "one");
        _graph.Settle();

        _suffixes.Set("x", "?");
        Assert.Equal(0, _graph.Settle());
        _suffixes.Set("x", "!");
        Assert.Equal(1, _graph.Settle());
        Assert.Equal("one!", derived.Items["one"]);
        _suffixes.Set("x", "!!");
        Assert.Equal(1, _graph.Settle());
        Assert.Equal("one", derived.Items["one"]);
    }

    [Fact]
    public void A_derived_collection_can_be_read_by_the_next()
    {
        var first = Suffixed();
        var second = new Derived<string, string>(_graph, first, (word, _) => [(word.ToUpperInvariant(), word.ToUpperInvariant())]);
        List<Change<string>> changes = [];
        second.Changed += changes.Add;
        _words.Set("a", "one");
        _graph.Settle();
        _suffixes.Set("a", "!");
        _graph.Settle();

        Assert.Equal([new Change<string>("ONE", null, "ONE"), new("ONE", "ONE", null), new("ONE!", null, "ONE!")], changes);
    }

    [Fact]
    public void An_equal_outcome_is_no_change()
    {
        var derived = Suffixed();
        _words.Set("a", "one");
        _graph.Settle();
        var changes = 0;
        derived.Changed += _ => changes++;

        _words.Set("a", new string("one".AsSpan()));
        _graph.Settle();

        Assert.Equal((2, 0), (_derivations, changes));
    }

    [Fact]
    public void An_object_that_cannot_be_derived_keeps_its_last_outcome_and_stops_no_other()
    {
        var derived = Suffixed();
        _words.Set("a", "one");
        _graph.Settle();

        _words.Set("a", "bad");
        _words.Set("b", "two");
        _graph.Settle();

        Assert.Equal(["a"], _failed);
        Assert.Equal(["one", "two"], derived.Items.Values.Order());

        _words.Set("a", "better");
        _graph.Settle();
        Assert.Equal(["better", "two"], derived.Items.Values.Order());
    }

    private Derived<string, string> Suffixed() => new(_graph, _words, (word, reads) =>
    {
        _derivations++;
        if (word == "bad")
        {
            throw new InvalidOperationException(word);
        }

        return [(word, word + reads.Get(_suffixes, word == "one" ? "a" : "none"))];
    });
}
