using Ambient.Linux;

namespace Ambient.Bench.Candidates;

/// <summary>Brings who comes from another thread onto a loop, to stay there: what awaits the task continues on the loop.</summary>
internal static class OnLoop
{
    public static async Task<T> RunAsync<T>(EventLoop loop, Func<ValueTask<T>> work)
    {
        var arrived = new TaskCompletionSource();
        loop.Post(static state => ((TaskCompletionSource)state!).SetResult(), arrived);
        await arrived.Task.ConfigureAwait(false);
        return await work();
    }
}
