namespace Ambient.ControlPlane.Collections;

/// <summary>Something that a cell has read, to be forgotten when the cell is derived again.</summary>
internal interface IRead
{
    void Forget();
}

/// <summary>What one input object derived to, and what was read on the way.</summary>
internal sealed class Cell(Action<string> markStale, string key)
{
    private readonly List<IRead> _reads = [];

    /// <summary>The keys of the outputs.</summary>
    public IReadOnlyList<string> Outputs { get; set; } = [];

    public void Read(IRead read) => _reads.Add(read);

    public void MarkStale() => markStale(key);

    public void ForgetReads()
    {
        foreach (var read in _reads)
        {
            read.Forget();
        }

        _reads.Clear();
    }
}

/// <summary>Reads other collections on behalf of one derivation, and remembers what it read.</summary>
internal readonly struct Reads(Cell cell)
{
    /// <summary>The object of that key, or null.</summary>
    public T? Get<T>(Collection<T> from, string key)
        where T : class => from.Read(cell, key);

    /// <summary>
    /// The objects of a group, by their keys' order, for which the condition holds. The condition must be pure: it is asked
    /// again, of old and new objects, to learn whether a change matters.
    /// </summary>
    public IEnumerable<T> Find<T>(Index<T> index, string group, Func<T, bool>? where = null)
        where T : class => index.Read(cell, group, where);
}
