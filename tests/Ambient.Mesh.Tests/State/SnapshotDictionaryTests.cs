using Ambient.Mesh.State;
using FsCheck;
using FsCheck.Fluent;

namespace Ambient.Mesh.Tests.State;

public sealed class SnapshotDictionaryTests
{
    /// <summary>Any sequence of batches gives what a list of pairs would give, and leaves the snapshots before as they were.</summary>
    [Fact]
    public void It_holds_what_was_added_and_not_removed() =>
        Prop.ForAll(ArbMap.Default.ArbFor<(byte Key, bool Remove)[][]>(), batches =>
        {
            var map = SnapshotDictionary<int, string>.Empty();
            var model = new List<(int Key, string Value)>();
            var history = new List<(SnapshotDictionary<int, string> Map, (int Key, string Value)[] Model)>();
            foreach (var batch in batches)
            {
                var builder = map.ToBuilder();
                foreach (var (key, remove) in batch)
                {
                    if (remove && model.FindIndex(entry => entry.Key == key) is >= 0 and var at)
                    {
                        builder.Remove(key, model[at].Value);
                        model.RemoveAt(at);
                    }
                    else
                    {
                        var value = $"{model.Count}";
                        builder.Add(key, value);
                        model.Add((key, value));
                    }
                }

                map = builder.ToImmutable();
                history.Add((map, [.. model]));
            }

            return history.TrueForAll(past => Same(past.Map, past.Model));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void It_grows_to_many_pages_and_keeps_the_order_of_a_key()
    {
        const int Count = 50_000;
        var builder = SnapshotDictionary<int, string>.Empty().ToBuilder();
        for (var key = 0; key < Count; key++)
        {
            builder.Add(key, "low");
            builder.Add(key, "high", value => value.Length);
            builder.Add(key, "mid", value => value.Length);
        }

        var map = builder.ToImmutable();
        Assert.Equal(3 * Count, map.Count);
        Assert.All(Enumerable.Range(0, Count), key => Assert.Equal("high", map[key]));
        Assert.Equal(["high", "low", "mid"], map.Where(entry => entry.Key == 40_000).Select(entry => entry.Value));
        Assert.False(map.ContainsKey(Count));
    }

    private static bool Same(SnapshotDictionary<int, string> map, (int Key, string Value)[] model) =>
        map.Count == model.Length
        && map.OrderBy(entry => entry.Key).ThenBy(entry => entry.Value, StringComparer.Ordinal).Select(entry => (entry.Key, entry.Value))
            .SequenceEqual(model.OrderBy(entry => entry.Key).ThenBy(entry => entry.Value, StringComparer.Ordinal))
        && model.All(entry => map.Find(entry.Key) == model.First(first => first.Key == entry.Key).Value);
}
