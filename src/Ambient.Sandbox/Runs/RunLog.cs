using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Ambient.Sandbox.Runs;

/// <summary>The sandbox's own log file, <c>logs/sandbox.log</c> of its folder: what its API server, kubelets and controllers report.</summary>
internal sealed class RunLog : ILoggerProvider
{
    /// <summary>As for containers: the folder lies in memory.</summary>
    private const long Longest = 32 * 1024 * 1024;

    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly StreamWriter _file;

    private RunLog(string path, TimeProvider time)
    {
        _time = time;
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        _file = new StreamWriter(new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete)) { AutoFlush = true };
    }

    /// <summary>Loggers that write into the folder of a sandbox.</summary>
    public static ILoggerFactory Create(string runFolder, TimeProvider time) => LoggerFactory.Create(builder => builder
        .AddProvider(new RunLog(Path.Combine(runFolder, "logs", "sandbox.log"), time))
        .SetMinimumLevel(LogLevel.Information)
        .AddFilter("Microsoft", LogLevel.Warning));

    /// <inheritdoc />
    public ILogger CreateLogger(string categoryName) => new Writer(this, categoryName);

    /// <inheritdoc />
    public void Dispose() => _file.Dispose();

    private void Write(string category, LogLevel level, string message, Exception? exception)
    {
        lock (_gate)
        {
            if (_file.BaseStream.Length > Longest)
            {
                _file.BaseStream.SetLength(0);
            }

            _file.WriteLine($"{_time.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture)}\t{level.ToString().ToLowerInvariant()}\t{category}\t{message}{(exception is null ? "" : "\t" + exception)}");
        }
    }

    private sealed class Writer(RunLog log, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            log.Write(category, logLevel, formatter(state, exception), exception);
    }
}
