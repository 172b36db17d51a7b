namespace Ambient.Kubernetes;

/// <summary>What happened to an object in an informer's store.</summary>
public enum ResourceEventType
{
    /// <summary>It appeared.</summary>
    Added,

    /// <summary>It changed.</summary>
    Updated,

    /// <summary>It is gone.</summary>
    Deleted,
}

/// <summary>A change in an informer's store.</summary>
/// <param name="Type">What happened.</param>
/// <param name="Old">The state before; null when added.</param>
/// <param name="New">The state now; null when deleted.</param>
public readonly record struct ResourceEvent<T>(ResourceEventType Type, T? Old, T? New)
    where T : class
{
    /// <summary>The newest known state.</summary>
    public T Object => New ?? Old!;
}
