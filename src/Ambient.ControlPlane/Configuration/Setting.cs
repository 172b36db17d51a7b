using System.Net;
using System.Net.Sockets;

namespace Ambient.ControlPlane.Configuration;

/// <summary>One thing to configure: by a flag or, where that is absent, by a variable.</summary>
/// <param name="Flag">Without the dashes.</param>
/// <param name="Variable">The environment variable.</param>
/// <param name="Meaning">For the help text.</param>
internal sealed record Setting(string Flag, string Variable, string Meaning)
{
    public override string ToString() => $"--{Flag} / {Variable}";
}

/// <summary>A setting has a value that it cannot have; the message names it and says what it can be.</summary>
internal sealed class SettingException(string message) : Exception(message);

/// <summary>Reads values of settings.</summary>
internal static class SettingValues
{
    /// <summary>All addresses of both families, as far as the machine has them.</summary>
    public static IPAddress AllAddresses { get; } = Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any;

    public static bool Flag(Setting setting, string text) => text.ToLowerInvariant() switch
    {
        "true" or "1" => true,
        "false" or "0" => false,
        _ => throw Wrong(setting, text, "write true or false"),
    };

    public static IReadOnlyList<string> List(string text) =>
        text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Durations as Go writes them: <c>24h</c>, <c>1h30m</c>, <c>100ms</c>.</summary>
    public static TimeSpan Duration(Setting setting, string text)
    {
        var total = TimeSpan.Zero;
        var rest = text.AsSpan();
        while (rest.Length > 0)
        {
            var digits = rest.IndexOfAnyExceptInRange('0', '9');
            if (digits <= 0 || !int.TryParse(rest[..digits], out var count))
            {
                throw Wrong(setting, text, "write a duration such as 24h, 1h30m or 100ms");
            }

            rest = rest[digits..];
            var unit = rest.StartsWith("ms") ? "ms" : rest[..1].ToString();
            total += unit switch
            {
                "ms" => TimeSpan.FromMilliseconds(count),
                "s" => TimeSpan.FromSeconds(count),
                "m" => TimeSpan.FromMinutes(count),
                "h" => TimeSpan.FromHours(count),
                _ => throw Wrong(setting, text, "units are h, m, s and ms"),
            };
            rest = rest[unit.Length..];
        }

        return total > TimeSpan.Zero ? total : throw Wrong(setting, text, "write a duration above zero");
    }

    /// <summary><c>ADDRESS:PORT</c>, <c>[ADDRESS]:PORT</c> or <c>:PORT</c> for all addresses.</summary>
    public static IPEndPoint Address(Setting setting, string text) =>
        text.StartsWith(':') && ushort.TryParse(text.AsSpan(1), out var port) ? new IPEndPoint(AllAddresses, port)
            : IPEndPoint.TryParse(text, out var endPoint) && text.Contains(':', StringComparison.Ordinal) ? endPoint
            : throw Wrong(setting, text, "write ADDRESS:PORT, or :PORT for all addresses");

    public static SettingException Wrong(Setting setting, string text, string remedy) =>
        new($"{setting}: '{text}' is not possible; {remedy}.");
}
