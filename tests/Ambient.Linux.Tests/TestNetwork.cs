using System.Diagnostics;

namespace Ambient.Linux.Tests;

/// <summary>
/// Two network namespaces joined by a veth pair: A has 10.77.0.1 and fd77::1, B has 10.77.0.2 and fd77::2. Names are unique, so that
/// runs beside each other do not meet.
/// </summary>
public sealed class TestNetwork : IAsyncLifetime
{
    private readonly string _name = $"alx{Environment.ProcessId:x}{Random.Shared.Next(0x10000):x4}";

    public NetworkNamespace A { get; private set; } = null!;

    public NetworkNamespace B { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        await IpAsync($"netns add {_name}a");
        await IpAsync($"netns add {_name}b");
        A = NetworkNamespace.Open($"/var/run/netns/{_name}a");
        B = NetworkNamespace.Open($"/var/run/netns/{_name}b");
        await IpAsync($"link add veth0 netns {_name}a type veth peer name veth0 netns {_name}b");
        foreach (var (side, number) in new[] { (A, 1), (B, 2) })
        {
            await NetworkCommand.IpAsync(side, ["link", "set", "lo", "up"]);
            await NetworkCommand.IpAsync(side, ["addr", "add", $"10.77.0.{number}/24", "dev", "veth0"]);
            await NetworkCommand.IpAsync(side, ["addr", "add", $"fd77::{number}/64", "dev", "veth0", "nodad"]);
            await NetworkCommand.IpAsync(side, ["link", "set", "veth0", "up"]);
        }
    }

    public async Task DisposeAsync()
    {
        A.Dispose();
        B.Dispose();
        await IpAsync($"netns del {_name}a");
        await IpAsync($"netns del {_name}b");
    }

    private static async Task IpAsync(string arguments) => await NetworkCommand.IpAsync(null, arguments.Split(' '));
}

/// <summary>Bounds a wait, so that a hang is a failure and not a stuck run.</summary>
internal static class Bounded
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    public static Task WithinLimit(this Task task) => task.WaitAsync(Limit);

    public static Task<T> WithinLimit<T>(this Task<T> task) => task.WaitAsync(Limit);

    public static async Task Until(Func<bool> condition, string what)
    {
        var watch = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(watch.Elapsed < Limit, $"not within {Limit.TotalSeconds} s: {what}");
            await Task.Delay(10);
        }
    }
}
