using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ambient.Bench.Load;

/// <summary>What a client is asked to do; one line of JSON.</summary>
internal sealed record LoadRequest
{
    /// <summary>One of <see cref="LoadKind"/>.</summary>
    public required string Kind { get; init; }

    /// <summary>How many connections at a time.</summary>
    public int Connections { get; init; } = 1;

    /// <summary>Bytes of a message.</summary>
    public int MessageSize { get; init; } = 1;

    /// <summary>How long it counts.</summary>
    public double Seconds { get; init; }

    /// <summary>How long it runs before it counts: connections, congestion windows and buffers grow to what they will be.</summary>
    public double WarmUp { get; init; }

    /// <summary>For readers: bytes a second of each, 0 for as fast as they can.</summary>
    public int Rate { get; init; }

    /// <summary>Whose processor time is read: the proxies of the way.</summary>
    public int[] Processes { get; init; } = [];
}

/// <summary>The words of <see cref="LoadRequest.Kind"/>.</summary>
internal static class LoadKind
{
    /// <summary>Streams from client to server.</summary>
    public const string Up = "up";

    /// <summary>Streams from server to client.</summary>
    public const string Down = "down";

    /// <summary>Messages sent back.</summary>
    public const string PingPong = "pingpong";

    /// <summary>HTTP/1.1 requests on connections that stay.</summary>
    public const string Http = "http";

    /// <summary>Unary calls of gRPC.</summary>
    public const string Grpc = "grpc";

    /// <summary>Connect, one byte there and back, close.</summary>
    public const string Connect = "connect";

    /// <summary>Opens connections, exchanges a byte on each, and keeps them.</summary>
    public const string Hold = "hold";

    /// <summary>The same, with a request of HTTP/1.1 instead of a byte.</summary>
    public const string HoldHttp = "hold-http";

    /// <summary>Begins endless downloads in the background.</summary>
    public const string Readers = "readers";

    /// <summary>Closes what is kept and ends the downloads.</summary>
    public const string Release = "release";
}

/// <summary>What one load measured; one line of JSON.</summary>
internal sealed record LoadFigures
{
    public double Seconds { get; init; }

    public long Bytes { get; init; }

    public long Operations { get; init; }

    /// <summary>Microseconds.</summary>
    public double P50 { get; init; }

    /// <summary>Microseconds.</summary>
    public double P99 { get; init; }

    /// <summary>Microseconds.</summary>
    public double P999 { get; init; }

    /// <summary>Bytes of each stream, for fairness.</summary>
    public double[] PerStream { get; init; } = [];

    /// <summary>Processor time of the proxies.</summary>
    public double ProcessorSeconds { get; init; }

    /// <summary>Why there are no figures.</summary>
    public string? Error { get; init; }

    /// <summary>Where nothing was done there is no median: NaN.</summary>
    private static readonly JsonSerializerOptions Format = new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    public static LoadFigures Parse(string line) => JsonSerializer.Deserialize<LoadFigures>(line, Format)!;

    public string ToLine() => JsonSerializer.Serialize(this, Format);

    public static LoadFigures Of(Window window, List<double> times)
    {
        times.Sort();
        double At(double share) => times.Count == 0 ? double.NaN : times[(int)((times.Count - 1) * share)];
        return new LoadFigures
        {
            Seconds = window.Seconds,
            Operations = times.Count,
            P50 = At(0.5),
            P99 = At(0.99),
            P999 = At(0.999),
            ProcessorSeconds = window.ProcessorSeconds,
        };
    }
}
