namespace Ambient.Cli.Tests;

/// <summary>Waits for something that others bring about, at most 10 s.</summary>
internal static class Eventually
{
    public static async Task TrueAsync(Func<Task<bool>> condition, string what)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while (!await condition())
        {
            Assert.False(patience.IsCancellationRequested, $"10 s have passed without {what}.");
            await Task.Delay(20);
        }
    }
}
