namespace Ambient.ControlPlane.Collections;

/// <summary>A derived collection as its graph sees it.</summary>
internal interface IDerived
{
    /// <summary>Derives again what has become stale; returns how many inputs that were.</summary>
    int Settle();
}

/// <summary>Derived collections in the order in which they depend on each other.</summary>
internal sealed class Graph
{
    private readonly List<IDerived> _derived = [];

    /// <summary>Raised with the key of an input that could not be derived; what was derived from it before stays.</summary>
    public event Action<string, Exception>? Failed;

    public void Add(IDerived derived) => _derived.Add(derived);

    /// <summary>
    /// Brings everything up to date; returns how many derivations ran. One pass is enough: a collection reads only those
    /// made before it.
    /// </summary>
    public int Settle() => _derived.Sum(derived => derived.Settle());

    internal void Fail(string key, Exception error) => Failed?.Invoke(key, error);
}

/// <summary>
/// A collection computed from another, object by object: one input gives any number of outputs with keys of their own,
/// and may read any collection on the way. Outputs that come out equal are no change.
/// </summary>
internal sealed class Derived<TIn, TOut> : Collection<TOut>, IDerived
    where TIn : class
    where TOut : class
{
    /// <summary>Computes the outputs of one input.</summary>
    public delegate IEnumerable<(string Key, TOut Value)> Derivation(TIn input, Reads reads);

    private readonly Graph _graph;
    private readonly Collection<TIn> _input;
    private readonly Derivation _derive;
    private readonly Dictionary<string, Cell> _cells = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _stale = new(StringComparer.Ordinal);

    public Derived(Graph graph, Collection<TIn> input, Derivation derive)
    {
        _graph = graph;
        _input = input;
        _derive = derive;
        foreach (var key in input.Items.Keys)
        {
            _stale.Add(key);
        }

        input.Changed += change => _stale.Add(change.Key);
        graph.Add(this);
    }

    public int Settle()
    {
        var settled = _stale.Count;
        foreach (var key in _stale)
        {
            Derive(key);
        }

        _stale.Clear();
        return settled;
    }

    private void Derive(string key)
    {
        if (!_cells.TryGetValue(key, out var cell))
        {
            _cells[key] = cell = new Cell(stale => _stale.Add(stale), key);
        }

        cell.ForgetReads();
        (string Key, TOut Value)[] outputs = [];
        if (_input.TryGet(key, out var input))
        {
            try
            {
                outputs = [.. _derive(input, new Reads(cell))];
            }
            catch (Exception error)
            {
                // One object that nobody foresaw must not stop the configuration of all others.
                _graph.Fail(key, error);
                return;
            }
        }
        else
        {
            _cells.Remove(key);
        }

        foreach (var gone in cell.Outputs.Except(outputs.Select(output => output.Key)))
        {
            Replace(gone, null);
        }

        foreach (var (outputKey, value) in outputs)
        {
            if (!TryGet(outputKey, out var previous) || !previous.Equals(value))
            {
                Replace(outputKey, value);
            }
        }

        cell.Outputs = [.. outputs.Select(output => output.Key)];
    }
}
