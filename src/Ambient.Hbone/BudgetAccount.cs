namespace Ambient.Hbone;

/// <summary>What one connection holds of a <see cref="ByteBudget"/>. Written by its own loop, read by all.</summary>
internal sealed class BudgetAccount(ByteBudget budget)
{
    private long _held;
    private bool _isClosed;

    public long Held => Volatile.Read(ref _held);

    /// <summary>Another connection found the budget used up and this account the largest.</summary>
    public bool MustShed
    {
        get => Volatile.Read(ref field);
        set => Volatile.Write(ref field, value);
    }

    public ByteBudget Budget => budget;

    /// <summary>Takes bytes. True if the budget is used up and this connection has to let go of a stream.</summary>
    public bool Take(int bytes)
    {
        Volatile.Write(ref _held, _held + bytes);
        return budget.Add(bytes) > budget.Limit && budget.ElectVictim(this);
    }

    public void Return(long bytes)
    {
        Volatile.Write(ref _held, _held - bytes);
        budget.Add(-bytes);
        if (_isClosed && _held == 0)
        {
            budget.Close(this);
        }
    }

    /// <summary>The connection is over; the account leaves when the last reader took what was left.</summary>
    public void Close()
    {
        _isClosed = true;
        if (_held == 0)
        {
            budget.Close(this);
        }
    }
}
