using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Ambient.Telemetry.Metrics;
using Microsoft.Extensions.Logging;

namespace Ambient.Telemetry.Logging;

/// <summary>
/// Where the log lines of a process go: a provider for <c>Microsoft.Extensions.Logging</c> whose filter can be changed while it
/// runs. At most 10,000 lines wait for the output; then loggers wait.
/// </summary>
public sealed class LogOutput : ILoggerProvider, ISupportExternalScope, IAsyncDisposable
{
    private readonly LogWriter _writer;
    private readonly LogFormat _format;
    private readonly TimeProvider _time;
    private readonly ConcurrentDictionary<string, ScopeLogger> _loggers = new(StringComparer.Ordinal);
    private IExternalScopeProvider _scopes = new LoggerExternalScopeProvider();
    private LogFilter _filter;

    /// <summary>Starts writing to a stream (standard output by default), which the caller keeps open until disposal.</summary>
    public LogOutput(LogFormat format, LogFilter filter, Stream? output = null, TimeProvider? time = null)
    {
        _format = format;
        InitialFilter = _filter = filter;
        _time = time ?? TimeProvider.System;
        _writer = new LogWriter(output ?? Console.OpenStandardOutput());
        Factory = LoggerFactory.Create(builder => builder.SetMinimumLevel(LogLevel.Trace).AddProvider(this));
    }

    /// <summary>
    /// As the variables RUST_LOG (<c>info,xds=debug</c>) and LOG_FORMAT (<c>plain</c> or <c>json</c>) say; null means the default.
    /// </summary>
    /// <exception cref="FormatException">Names the variable that is wrong and what is possible.</exception>
    public static LogOutput FromEnvironment(string? rustLog, string? logFormat, Stream? output = null)
    {
        var format = logFormat switch
        {
            null or "" or "plain" => LogFormat.Plain,
            "json" => LogFormat.Json,
            _ => throw new FormatException($"LOG_FORMAT={logFormat} is not possible: use plain or json."),
        };
        try
        {
            return new LogOutput(format, LogFilter.Parse(string.IsNullOrEmpty(rustLog) ? "info" : rustLog), output);
        }
        catch (FormatException wrong)
        {
            throw new FormatException($"RUST_LOG={rustLog}: {wrong.Message}", wrong);
        }
    }

    /// <summary>Makes loggers that write here and nowhere else.</summary>
    public ILoggerFactory Factory { get; }

    /// <summary>What is written, from now on.</summary>
    public LogFilter Filter
    {
        get => Volatile.Read(ref _filter);
        set => Volatile.Write(ref _filter, value);
    }

    /// <summary>Lines that could not be written.</summary>
    public long LinesLost => _writer.LinesLost;

    /// <summary>Counts lost lines as a metric.</summary>
    public void Register(MetricRegistry registry) => registry.ObservedCounter(
        "ambient_log_lines_lost", "Log lines that could not be written", () => _writer.LinesLost);

    /// <summary>The filter of the start.</summary>
    public LogFilter InitialFilter { get; }

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) =>
        _loggers.GetOrAdd(categoryName, static (name, output) => new ScopeLogger(output, LogScope.FromCategory(name)), this);

    /// <inheritdoc/>
    public void SetScopeProvider(IExternalScopeProvider scopeProvider) => _scopes = scopeProvider;

    /// <summary>Does nothing: loggers may still be in use when their factory goes; <see cref="DisposeAsync"/> ends the output.</summary>
    public void Dispose()
    {
    }

    /// <summary>Writes what waits. Lines that are logged later count as lost.</summary>
    public ValueTask DisposeAsync()
    {
        Factory.Dispose();
        return _writer.DisposeAsync();
    }

    private sealed class ScopeLogger(LogOutput output, string scope) : ILogger
    {
        /// <summary>The level that the filter gave last: looking it up costs more than most log calls that write nothing.</summary>
        private Known _known = new(output.Filter, output.Filter.LevelOf(scope));

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => output._scopes.Push(state);

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None && logLevel >= LowestLevel();

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel))
            {
                return;
            }

            var line = new LogLine(
                output._time.GetUtcNow(), logLevel, scope, Spans(), formatter(state, exception), state, exception);
            output._writer.Write(line, output._format);
        }

        private LogLevel LowestLevel()
        {
            var known = Volatile.Read(ref _known);
            var filter = output.Filter;
            if (!ReferenceEquals(known.Filter, filter))
            {
                known = new Known(filter, filter.LevelOf(scope));
                Volatile.Write(ref _known, known);
            }

            return known.Level;
        }

        private IReadOnlyList<string> Spans()
        {
            var spans = new StrongBox<List<string>?>();
            output._scopes.ForEachScope(static (span, box) =>
            {
                if (span?.ToString() is { Length: > 0 } text)
                {
                    (box.Value ??= []).Add(text);
                }
            }, spans);
            return spans.Value ?? (IReadOnlyList<string>)[];
        }

        private sealed record Known(LogFilter Filter, LogLevel Level);
    }
}
