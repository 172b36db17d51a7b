namespace Ambient.Hbone;

/// <summary>
/// Bounds the bytes that all connections of a process hold for readers that are slower than their peers. Connections give
/// their peers credit on receipt and never stall; what keeps memory bounded is this budget. From half of it on, streams
/// get smaller windows; when it is used up, the connection that holds most resets its fullest stream. Thread-safe.
/// </summary>
/// <param name="limit">Bytes; at least 1 MiB.</param>
public sealed class ByteBudget(long limit)
{
    /// <summary>A budget for a process that nobody sized: 128 MiB, a quarter of the memory ztunnel's chart asks for.</summary>
    public const long DefaultLimit = 128L << 20;

    /// <summary>The protocol's initial window; every stream may have that much, however tight memory is.</summary>
    private const int LeastWindow = 65_535;

    private readonly Lock _lock = new();
    private readonly List<BudgetAccount> _accounts = [];
    private long _held;

    /// <summary>The bound in bytes.</summary>
    public long Limit { get; } = limit >= 1 << 20
        ? limit
        : throw new ArgumentOutOfRangeException(nameof(limit), limit, "must be at least 1 MiB");

    /// <summary>Bytes held now.</summary>
    public long Held => Interlocked.Read(ref _held);

    /// <summary>How far a stream's window may reach ahead of its reader at the present level of use.</summary>
    internal int WindowTarget(int fullWindow)
    {
        var held = Held;
        return held < Limit / 2 ? fullWindow
            : held < Limit / 4 * 3 ? Math.Max(fullWindow / 8, LeastWindow)
            : LeastWindow;
    }

    internal BudgetAccount Open()
    {
        var account = new BudgetAccount(this);
        lock (_lock)
        {
            _accounts.Add(account);
        }

        return account;
    }

    internal void Close(BudgetAccount account)
    {
        lock (_lock)
        {
            _accounts.Remove(account);
        }
    }

    internal long Add(long bytes) => Interlocked.Add(ref _held, bytes);

    /// <summary>Asks the account that holds most to let go of a stream. True if the caller itself has to.</summary>
    internal bool ElectVictim(BudgetAccount caller)
    {
        lock (_lock)
        {
            var largest = caller;
            foreach (var account in _accounts)
            {
                largest = account.Held > largest.Held ? account : largest;
            }

            // Others act at their next turn; past a quarter more the caller does not wait for them.
            if (largest != caller)
            {
                largest.MustShed = true;
            }

            return largest == caller || Held > Limit + (Limit / 4);
        }
    }
}
