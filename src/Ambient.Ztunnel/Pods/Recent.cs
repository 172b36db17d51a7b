namespace Ambient.Ztunnel.Pods;

/// <summary>
/// Gives equal values the same object, as far as it remembers them: what thousands of idle connections hold in common is there once.
/// 64 of them, each in one place; a newer one of the same place replaces the older. On one loop only.
/// </summary>
internal sealed class Recent<T>
    where T : class
{
    private readonly T?[] _values = new T?[64];

    public T Same(T value)
    {
        ref var known = ref _values[value.GetHashCode() & (_values.Length - 1)];
        return known is not null && known.Equals(value) ? known : known = value;
    }
}
