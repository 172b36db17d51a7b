namespace Ambient.Telemetry.Servers;

/// <summary>What a process waits for before it is ready, by name. Ready means that nothing is pending.</summary>
public sealed class Readiness
{
    private readonly Lock _lock = new();
    private readonly SortedSet<string> _pending = new(StringComparer.Ordinal);

    /// <summary>Something to wait for; it is pending from now on.</summary>
    public ReadinessTask Register(string name)
    {
        lock (_lock)
        {
            if (!_pending.Add(name))
            {
                throw new InvalidOperationException($"Readiness task '{name}' is pending already.");
            }
        }

        return new ReadinessTask(this, name);
    }

    /// <summary>Names of what is pending, sorted.</summary>
    public IReadOnlyList<string> Pending
    {
        get
        {
            lock (_lock)
            {
                return [.. _pending];
            }
        }
    }

    internal void Set(string name, bool ready)
    {
        lock (_lock)
        {
            _ = ready ? _pending.Remove(name) : _pending.Add(name);
        }
    }
}

/// <summary>One thing that has to be there before the process is ready.</summary>
public sealed class ReadinessTask
{
    private readonly Readiness _owner;
    private readonly string _name;

    internal ReadinessTask(Readiness owner, string name)
    {
        _owner = owner;
        _name = name;
    }

    /// <summary>It is there.</summary>
    public void Ready() => _owner.Set(_name, ready: true);

    /// <summary>It went away again.</summary>
    public void NotReady() => _owner.Set(_name, ready: false);
}
