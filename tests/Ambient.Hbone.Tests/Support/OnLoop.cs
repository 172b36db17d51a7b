using Ambient.Linux;

namespace Ambient.Hbone.Tests.Support;

/// <summary>Runs a test's body on an event loop of its own, within a time limit.</summary>
internal static class OnLoop
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public static async Task RunAsync(Func<Task> body)
    {
        var loop = EventLoop.Start("test");
        try
        {
            await loop.RunAsync(body).WaitAsync(Patience);
        }
        finally
        {
            await loop.DisposeAsync();
        }
    }

    /// <summary>Lets everything that is runnable on the loop run, until nothing changes.</summary>
    public static async Task SettleAsync()
    {
        for (var turn = 0; turn < 50; turn++)
        {
            await Task.Yield();
        }
    }

    public static async Task UntilAsync(Func<bool> condition, string what)
    {
        for (var turn = 0; !condition(); turn++)
        {
            Assert.True(turn < 2_000, $"waited in vain for: {what}");
            await Task.Delay(turn < 50 ? 0 : 5);
        }
    }
}
