using System.Net;
using System.Text;
using System.Text.Json;
using Ambient.Telemetry.Logging;
using Microsoft.Extensions.Logging;

namespace Ambient.Telemetry.Tests.Logging;

public sealed partial class LogOutputTests
{
    [Fact]
    public async Task A_plain_line_has_columns_and_says_nothing_twice()
    {
        var text = await WrittenAsync(LogFormat.Plain, logs =>
        {
            var logger = logs.CreateLogger("Ambient.Xds.Delta.DeltaClient");
            Connected(logger, IPEndPoint.Parse("[::1]:15012"), 3);
            using (logger.BeginScope<object>("stream{id=7}"))
            {
                logger.Log(LogLevel.Warning, default, Values(("peer", "a\t\"b\"\\\n\u0001"), ("port", 80), ("on", true), ("none", null), ("wait", TimeSpan.FromSeconds(2))), null, (_, _) => "two\nlines");
            }
        });
        Assert.Equal(
            "2026-08-01T10:20:30.000000Z\tinfo\txds::delta::deltaclient\tconnected to [::1]:15012 after 3 attempts\n"
            + "2026-08-01T10:20:30.000000Z\twarn\txds::delta::deltaclient:stream{id=7}\ttwo\\nlines\tpeer=\"a\\t\\\"b\\\"\\\\\\n\\u{1}\" port=80 on=true wait=\"2000ms\"\n",
            text);
    }

    [Fact]
    public async Task A_json_line_is_one_object()
    {
        var text = await WrittenAsync(LogFormat.Json, logs =>
        {
            var logger = logs.CreateLogger("access");
            using (logger.BeginScope<object>("proxy{wl=a/b}"))
            {
                logger.Log(LogLevel.Error, default, Values(("src.addr", IPEndPoint.Parse("10.0.0.1:80")), ("bytes_sent", 5L), ("ok", false), ("ratio", 0.5)), new IOException("broken \"pipe\""), (_, _) => "é <b>");
            }
        });
        Assert.Equal(
            """{"level":"error","time":"2026-08-01T10:20:30.000000Z","scope":"access","message":"é <b>","src.addr":"10.0.0.1:80","bytes_sent":5,"ok":false,"ratio":0.5,"error":"IOException: broken \"pipe\"","spans":["proxy{wl=a/b}"]}""" + "\n",
            text);
        Assert.Equal(JsonValueKind.Object, JsonDocument.Parse(text).RootElement.ValueKind);
    }

    [Fact]
    public async Task An_error_says_where_it_came_from_and_a_warning_does_not()
    {
        var text = await WrittenAsync(LogFormat.Plain, logs =>
        {
            try
            {
                throw new InvalidOperationException("why");
            }
            catch (InvalidOperationException failure)
            {
                logs.CreateLogger("a").LogError(failure, "it failed");
                logs.CreateLogger("a").LogWarning(failure, "it failed");
            }
        });
        var lines = text.Split('\n');
        Assert.EndsWith("\terror\ta\tit failed\terror=\"InvalidOperationException: why\" stack=\"" + lines[0].Split("stack=\"")[1], lines[0], StringComparison.Ordinal);
        Assert.Contains(nameof(An_error_says_where_it_came_from_and_a_warning_does_not), lines[0], StringComparison.Ordinal);
        Assert.EndsWith("\twarn\ta\tit failed\terror=\"InvalidOperationException: why\"", lines[1], StringComparison.Ordinal);
        Assert.Equal(3, lines.Length);
    }

    [Fact]
    public async Task The_filter_can_change_while_loggers_are_in_use()
    {
        var text = await WrittenAsync(LogFormat.Plain, logs =>
        {
            var logger = logs.CreateLogger("xds::client");
            Assert.False(logger.IsEnabled(LogLevel.Debug));
            logs.Filter = logs.Filter.With("xds=debug,access=off");
            Assert.True(logger.IsEnabled(LogLevel.Debug));
            Assert.False(logs.CreateLogger("access").IsEnabled(LogLevel.Critical));
            logger.LogDebug("seen");
            logs.Filter = logs.InitialFilter;
            logger.LogDebug("not seen");
        });
        Assert.Equal("2026-08-01T10:20:30.000000Z\tdebug\txds::client\tseen\n", text);
    }

    [Theory]
    [InlineData("info", "xds::client", LogLevel.Information)]
    [InlineData("", "xds", LogLevel.Information)]
    [InlineData("warn,xds=debug", "xds::client", LogLevel.Debug)]
    [InlineData("warn,xds=debug", "xdsx", LogLevel.Warning)]
    [InlineData("warn,xds=debug,xds::client=off", "xds::client", LogLevel.None)]
    [InlineData("ztunnel::xds=TRACE", "xds", LogLevel.Trace)]
    [InlineData("debug", "microsoft::aspnetcore::server", LogLevel.Warning)]
    [InlineData("microsoft=debug", "microsoft::aspnetcore::server", LogLevel.Debug)]
    [InlineData("info, access = error ", "access", LogLevel.Error)]
    public void A_filter_gives_each_scope_its_level(string filter, string scope, LogLevel level)
    {
        Assert.Equal(level, LogFilter.Parse(filter).LevelOf(scope));
        Assert.Equal(level, LogFilter.Parse(LogFilter.Parse(filter).ToString()).LevelOf(scope));
    }

    [Theory]
    [InlineData("loud", null, "RUST_LOG=loud: Log filter entry 'loud' is not LEVEL or SCOPE=LEVEL; levels are off, error, warn, info, debug, trace.")]
    [InlineData("info,xds=", null, "RUST_LOG=info,xds=: Log filter entry 'xds=' is not LEVEL or SCOPE=LEVEL; levels are off, error, warn, info, debug, trace.")]
    [InlineData(null, "yaml", "LOG_FORMAT=yaml is not possible: use plain or json.")]
    public void A_wrong_variable_is_named(string? filter, string? format, string message) =>
        Assert.Equal(message, Assert.Throws<FormatException>(() => LogOutput.FromEnvironment(filter, format)).Message);

    [Fact]
    public async Task Loggers_wait_for_a_slow_output_and_no_line_is_lost()
    {
        using var output = new GatedStream();
        var logs = new LogOutput(LogFormat.Plain, LogFilter.Default, output);
        var logger = logs.CreateLogger("a");
        logger.LogInformation("the line that the output is stuck with");
        Assert.True(output.Entered.Wait(TimeSpan.FromSeconds(10)));

        var logged = 0;
        var logging = Task.Run(() =>
        {
            for (var line = 0; line < LogWriter.MaxLines + 500; line++)
            {
                logger.LogInformation("line");
                Interlocked.Increment(ref logged);
            }
        });
        await Eventually(() => Volatile.Read(ref logged) == LogWriter.MaxLines);
        await Task.Delay(50);
        Assert.Equal(LogWriter.MaxLines, Volatile.Read(ref logged));
        Assert.False(logging.IsCompleted);

        output.Open();
        await logging.WaitAsync(TimeSpan.FromSeconds(10));
        await logs.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10));
        Assert.Equal(LogWriter.MaxLines + 501, Encoding.UTF8.GetString(output.ToArray()).Count(letter => letter == '\n'));
        Assert.Equal(0, logs.LinesLost);
    }

    [Fact]
    public async Task Connections_that_went_well_do_not_wait_for_a_slow_output_and_what_is_lost_is_counted()
    {
        using var output = new GatedStream();
        var logs = new LogOutput(LogFormat.Plain, LogFilter.Default, output);
        logs.CreateLogger("a").LogInformation("the line that the output is stuck with");
        Assert.True(output.Entered.Wait(TimeSpan.FromSeconds(10)));

        var access = new AccessLog(logs.Factory);
        for (var line = 0; line < LogWriter.MaxLines + 500; line++)
        {
            access.Completed(new AccessLogEntry { Inbound = true });
        }

        Assert.Equal(500, logs.LinesLost);
        var refusal = Task.Run(() => access.Completed(new AccessLogEntry { Inbound = true, Error = "denied" }));
        await Task.Delay(50);
        Assert.False(refusal.IsCompleted);

        output.Open();
        await refusal.WaitAsync(TimeSpan.FromSeconds(10));
        await logs.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10));
        var written = Encoding.UTF8.GetString(output.ToArray());
        Assert.Equal(LogWriter.MaxLines + 2, written.Count(letter => letter == '\n'));
        Assert.Contains("error=\"denied\"", written, StringComparison.Ordinal);
        Assert.Equal(500, logs.LinesLost);
    }

    [Fact]
    public async Task A_broken_output_stops_nobody_and_is_counted()
    {
        var logs = new LogOutput(LogFormat.Plain, LogFilter.Default, new BrokenStream());
        var registry = new Ambient.Telemetry.Metrics.MetricRegistry();
        logs.Register(registry);
        for (var line = 0; line < 3; line++)
        {
            logs.CreateLogger("a").LogInformation("line");
        }

        await logs.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10));
        logs.CreateLogger("a").LogInformation("after the end");
        Assert.Equal(4, logs.LinesLost);
    }

    private static async Task<string> WrittenAsync(LogFormat format, Action<LogOutput> act)
    {
        using var output = new MemoryStream();
        await using (var logs = new LogOutput(format, LogFilter.Default, output, new ManualTime()))
        {
            act(logs);
        }

        return Encoding.UTF8.GetString(output.ToArray());
    }

    private static List<KeyValuePair<string, object?>> Values(params (string Key, object? Value)[] values) =>
        [.. values.Select(value => KeyValuePair.Create(value.Key, value.Value))];

    private static async Task Eventually(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while (!condition())
        {
            await Task.Delay(5, limit.Token);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "connected to {Address} after {Attempts} attempts")]
    private static partial void Connected(ILogger logger, IPEndPoint address, int attempts);

    /// <summary>Takes the first write and holds it until it is opened.</summary>
    private sealed class GatedStream : MemoryStream
    {
        private readonly ManualResetEventSlim _gate = new();

        public ManualResetEventSlim Entered { get; } = new();

        public void Open() => _gate.Set();

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            Entered.Set();
            _gate.Wait(TimeSpan.FromSeconds(20));
            base.Write(buffer);
        }
    }

    private sealed class BrokenStream : MemoryStream
    {
        public override void Write(ReadOnlySpan<byte> buffer) => throw new IOException("broken");
    }
}
