using System.Buffers;

namespace Ambient.Telemetry.Logging;

/// <summary>
/// Collects lines and writes them in batches from one thread of its own. When the reader of the output is slow, loggers wait:
/// a line that says why something was refused must not get lost because much was refused. Lines about connections that went well are
/// given up instead, and counted: they are many, and a reader that hangs must not stop traffic.
/// </summary>
internal sealed class LogWriter : IAsyncDisposable
{
    /// <summary>As many as ztunnel holds; at 500 bytes a line that is 5 MB.</summary>
    public const int MaxLines = 10_000;

    /// <summary>
    /// Lines gather this long before they are written together: waking the writer for each line costs its logger more than the line does,
    /// and people who read along do not notice. 25 ms at 100,000 lines a second stay below the bound.
    /// </summary>
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(25);

    private readonly Stream _output;
    private readonly object _lock = new();
    private readonly Thread _thread;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ArrayBufferWriter<byte> _filling = new();
    private ArrayBufferWriter<byte> _emptying = new();
    private int _lines;
    private long _lost;
    private bool _closed;

    public LogWriter(Stream output)
    {
        _output = output;
        _thread = new Thread(Run) { Name = "log", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Lines that the output refused, for instance because its reader went away, or that it was too slow for.</summary>
    public long LinesLost => Interlocked.Read(ref _lost);

    public void Write(in LogLine line, LogFormat format)
    {
        lock (_lock)
        {
            while (_lines >= MaxLines && !_closed && !line.MayBeLost)
            {
                Monitor.Wait(_lock);
            }

            if (_closed || _lines >= MaxLines)
            {
                Interlocked.Increment(ref _lost);
                return;
            }

            line.WriteTo(_filling, format);
            if (_lines++ == 0)
            {
                Monitor.PulseAll(_lock);
            }
        }
    }

    /// <summary>Writes what is left and ends.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_lock)
        {
            _closed = true;
            Monitor.PulseAll(_lock);
        }

        await _ended.Task;
    }

    private void Run()
    {
        while (TakeBatch() is var (batch, lines))
        {
            try
            {
                _output.Write(batch.WrittenSpan);
                _output.Flush();
            }
            catch (Exception failure) when (failure is IOException or ObjectDisposedException)
            {
                // Nobody is left to tell; the count is a metric.
                Interlocked.Add(ref _lost, lines);
            }

            batch.ResetWrittenCount();
        }

        _ended.SetResult();
    }

    private (ArrayBufferWriter<byte> Batch, int Lines)? TakeBatch()
    {
        lock (_lock)
        {
            while (_lines == 0)
            {
                if (_closed)
                {
                    return null;
                }

                Monitor.Wait(_lock);
            }

            if (!_closed)
            {
                Monitor.Wait(_lock, Gathering);
            }

            (_filling, _emptying) = (_emptying, _filling);
            var lines = _lines;
            _lines = 0;
            Monitor.PulseAll(_lock);
            return (_emptying, lines);
        }
    }
}
