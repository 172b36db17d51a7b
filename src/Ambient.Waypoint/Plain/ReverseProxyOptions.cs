using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;

namespace Ambient.Waypoint.Plain;

/// <summary>How the plain reverse proxy runs: <c>--listen IP:PORT --upstream IP:PORT [--threads N] [--http2] [--access-log]</c>.</summary>
internal sealed record ReverseProxyOptions
{
    /// <summary>Connections that wait to be accepted; the kernel caps it at net.core.somaxconn.</summary>
    public const int Backlog = 1024;

    /// <summary>Where it listens.</summary>
    public required IPEndPoint Listen { get; init; }

    /// <summary>The only endpoint.</summary>
    public required IPEndPoint Upstream { get; init; }

    /// <summary>Event loops: one for each core.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Whether clients speak HTTP/2, from the first byte on, and so the endpoint too.</summary>
    public bool Http2 { get; init; }

    /// <summary>Whether each request is written down.</summary>
    public bool AccessLog { get; init; }

    /// <summary>Reads arguments; what is wrong with them otherwise.</summary>
    public static bool TryParse(ReadOnlySpan<string> arguments, [NotNullWhen(true)] out ReverseProxyOptions? options, out string wrong)
    {
        IPEndPoint? listen = null;
        IPEndPoint? upstream = null;
        var threads = Environment.ProcessorCount;
        var log = false;
        var http2 = false;
        options = null;
        wrong = "";
        for (var index = 0; index < arguments.Length; index++)
        {
            var (name, value) = (arguments[index], index + 1 < arguments.Length ? arguments[index + 1] : "");
            var known = name switch
            {
                "--listen" => IPEndPoint.TryParse(value, out listen),
                "--upstream" => IPEndPoint.TryParse(value, out upstream),
                "--threads" => int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out threads) && threads is > 0 and <= 1024,
                "--http2" => http2 = true,
                "--access-log" => log = true,
                _ => false,
            };
            if (!known)
            {
                wrong = $"'{name} {value}' is not understood; usage: reverse-proxy --listen IP:PORT --upstream IP:PORT [--threads N] [--http2] [--access-log]";
                return false;
            }

            index += name is "--access-log" or "--http2" ? 0 : 1;
        }

        if (listen is null || upstream is null)
        {
            wrong = "--listen IP:PORT and --upstream IP:PORT are needed";
            return false;
        }

        options = new ReverseProxyOptions { Listen = listen, Upstream = upstream, Threads = threads, AccessLog = log, Http2 = http2 };
        return true;
    }
}
