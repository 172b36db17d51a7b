using System.Diagnostics;

namespace Ambient.Bench;

/// <summary>Tells who waits how far the run is, and since when it runs.</summary>
internal static class Progress
{
    private static readonly long Began = Stopwatch.GetTimestamp();

    public static void Tell(string what) => Console.Error.WriteLine($"{Stopwatch.GetElapsedTime(Began):mm\\:ss} {what}");
}
