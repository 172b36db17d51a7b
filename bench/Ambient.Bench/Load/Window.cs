using System.Diagnostics;
using Ambient.Linux;

namespace Ambient.Bench.Load;

/// <summary>
/// When a load counts: after a warm-up, for so long. Processor time of the proxies is read by the client itself at both ends, so that it
/// is that of the same moment as the bytes and messages.
/// </summary>
internal sealed class Window(LoadRequest request)
{
    private double _processorBefore;
    private long _began;

    /// <summary>Whether what happens now counts.</summary>
    public bool IsOpen { get; private set; }

    /// <summary>Whether the load ends.</summary>
    public bool IsOver { get; private set; }

    /// <summary>How long it was open, seconds.</summary>
    public double Seconds { get; private set; }

    /// <summary>Processor time of the proxies while it was open, seconds.</summary>
    public double ProcessorSeconds { get; private set; }

    public async Task RunAsync(EventLoop loop)
    {
        await loop.DelayAsync(TimeSpan.FromSeconds(request.WarmUp));
        _processorBefore = ProcessFigures.ProcessorSeconds(request.Processes);
        _began = Stopwatch.GetTimestamp();
        IsOpen = true;
        await loop.DelayAsync(TimeSpan.FromSeconds(request.Seconds));
        IsOpen = false;
        Seconds = Stopwatch.GetElapsedTime(_began).TotalSeconds;
        ProcessorSeconds = ProcessFigures.ProcessorSeconds(request.Processes) - _processorBefore;
        IsOver = true;
    }
}
