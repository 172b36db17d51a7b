namespace Ambient.Linux;

/// <summary>
/// Something of which each loop has one of its own, made when it is first asked for. A thread's own (<c>[ThreadStatic]</c>) will not
/// do: loops share threads and move between them (<see cref="EventLoop.StartSharing"/>). Meant for static fields: a place is never given back.
/// </summary>
/// <param name="create">Makes a loop's.</param>
public sealed class LoopLocal<T>(Func<EventLoop, T> create)
    where T : class
{
    private readonly int _place = EventLoop.NextLocal();

    /// <summary>A loop's. On that loop only.</summary>
    public T Of(EventLoop loop)
    {
        ref var value = ref loop.Local(_place);
        return (T)(value ??= create(loop));
    }
}
