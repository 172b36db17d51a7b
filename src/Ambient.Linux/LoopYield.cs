using System.Runtime.CompilerServices;

namespace Ambient.Linux;

/// <summary>Awaited, continues in the loop's next turn. See <see cref="EventLoop.Yield"/>.</summary>
public readonly struct LoopYield : ICriticalNotifyCompletion
{
    private readonly EventLoop _loop;

    internal LoopYield(EventLoop loop) => _loop = loop;

    /// <summary>Never: the point is to let others go first.</summary>
    public bool IsCompleted => false;

    /// <summary>The awaiter.</summary>
    public LoopYield GetAwaiter() => this;

    /// <summary>Yields nothing.</summary>
    public void GetResult()
    {
    }

    /// <inheritdoc/>
    public void OnCompleted(Action continuation) => _loop.AddYielded(continuation);

    /// <inheritdoc/>
    public void UnsafeOnCompleted(Action continuation) => _loop.AddYielded(continuation);
}
