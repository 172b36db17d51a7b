using Microsoft.Extensions.Logging;

namespace Ambient.Telemetry.Logging;

/// <summary>
/// Which lines are written: a level for everything and levels for scopes, as in the variable RUST_LOG:
/// <c>info,xds=debug,access=off</c>. A scope stands for itself and what lies below it (<c>xds</c> for <c>xds::client</c>).
/// </summary>
public sealed class LogFilter
{
    /// <summary>What is in force when nobody says otherwise.</summary>
    public static readonly LogFilter Default = Parse("info");

    private readonly Dictionary<string, LogLevel> _scopes;
    private readonly LogLevel _others;

    private LogFilter(LogLevel others, Dictionary<string, LogLevel> scopes)
    {
        _others = others;
        _scopes = scopes;
    }

    /// <summary>Reads a comma-separated list of <c>LEVEL</c> and <c>SCOPE=LEVEL</c>; later entries win.</summary>
    /// <exception cref="FormatException">Names the entry that is wrong and what is possible.</exception>
    public static LogFilter Parse(string text) =>
        // ASP.NET logs each connection at debug and below; who wants that asks for microsoft=debug.
        new LogFilter(LogLevel.Information, new(StringComparer.Ordinal) { ["microsoft"] = LogLevel.Warning }).With(text);

    /// <summary>This filter with entries changed or added.</summary>
    /// <exception cref="FormatException">Names the entry that is wrong and what is possible.</exception>
    public LogFilter With(string text)
    {
        var others = _others;
        var scopes = new Dictionary<string, LogLevel>(_scopes, StringComparer.Ordinal);
        foreach (var entry in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var parts = entry.Split('=', 2, StringSplitOptions.TrimEntries);
            var level = LogLevels.Parse(parts[^1]) ?? throw new FormatException(
                $"Log filter entry '{entry}' is not LEVEL or SCOPE=LEVEL; levels are {LogLevels.Names}.");
            if (parts.Length == 1)
            {
                others = level;
            }
            else
            {
                scopes[LogScope.FromFilter(parts[0])] = level;
            }
        }

        return new LogFilter(others, scopes);
    }

    /// <summary>The lowest level that is written for a scope.</summary>
    public LogLevel LevelOf(string scope)
    {
        while (true)
        {
            if (_scopes.TryGetValue(scope, out var level))
            {
                return level;
            }

            var parent = scope.LastIndexOf("::", StringComparison.Ordinal);
            if (parent < 0)
            {
                return _others;
            }

            scope = scope[..parent];
        }
    }

    /// <summary>The filter as text that <see cref="Parse"/> reads.</summary>
    public override string ToString() => string.Join(
        ',', _scopes.OrderBy(entry => entry.Key, StringComparer.Ordinal)
            .Select(entry => $"{entry.Key}={LogLevels.NameOf(entry.Value)}").Append(LogLevels.NameOf(_others)));
}
