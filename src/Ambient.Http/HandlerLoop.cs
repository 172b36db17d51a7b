namespace Ambient.Http;

/// <summary>
/// Holds handlers to their loop. A pooled task would be posted to the loop's queue if its context were captured, one more turn for each
/// request; not capturing it is right for pooled tasks alone: others continue on the thread pool, where nothing of a connection may happen.
/// </summary>
internal static class HandlerLoop
{
    /// <summary>The handler's task went on where the connection runs.</summary>
    /// <exception cref="InvalidOperationException">It left the loop: its method is not pooled, or it completed elsewhere.</exception>
    public static void Check(SynchronizationContext? context)
    {
        if (SynchronizationContext.Current != context)
        {
            throw new InvalidOperationException(
                "IRequestHandler.HandleAsync completed away from its loop: its method needs PoolingAsyncValueTaskMethodBuilder, and its last await has to continue on the loop");
        }
    }
}
