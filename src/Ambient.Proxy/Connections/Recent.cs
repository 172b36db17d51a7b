namespace Ambient.Proxy.Connections;

/// <summary>
/// Gives equal values the same object, as far as it remembers them: what thousands of idle connections hold in common is there once.
/// 64 of them, each in one place; a newer one of the same place replaces the older. On one loop only.
/// </summary>
public sealed class Recent<T>
    where T : class
{
    private readonly T?[] _values = new T?[64];

    /// <summary>The object that stands for a value: an equal one of before, or this one.</summary>
    public T Same(T value)
    {
        ref var known = ref _values[value.GetHashCode() & (_values.Length - 1)];
        return known is not null && known.Equals(value) ? known : known = value;
    }
}
