using Ambient.Bench.Load;
using Ambient.Bench.Subjects;

namespace Ambient.Bench.Measures;

/// <summary>A load, by its name on the command line.</summary>
/// <param name="Name">Short and stable.</param>
/// <param name="Title">As the tables name it.</param>
/// <param name="Kind">One of <see cref="LoadKind"/>.</param>
/// <param name="Connections">At a time.</param>
/// <param name="Subjects">Who takes part unless subjects are asked for.</param>
internal sealed record LoadShape(string Name, string Title, string Kind, int Connections, SubjectKind Subjects)
{
    private const SubjectKind Pairs = SubjectKind.Direct | SubjectKind.Pair;
    private const SubjectKind Requests = SubjectKind.Direct | SubjectKind.Http | SubjectKind.Way | SubjectKind.Mesh;
    private const SubjectKind PairsAndHops = Pairs | SubjectKind.Hop;

    public static readonly LoadShape[] All =
    [
        new("up1", "bulk up, 1 stream", LoadKind.Up, 1, Pairs | SubjectKind.Records),
        new("up8", "bulk up, 8 streams", LoadKind.Up, 8, PairsAndHops | SubjectKind.Records),
        new("up64", "bulk up, 64 streams", LoadKind.Up, 64, Pairs),
        new("down1", "bulk down, 1 stream", LoadKind.Down, 1, Pairs) { IsVariety = true },
        new("down8", "bulk down, 8 streams", LoadKind.Down, 8, Pairs) { IsVariety = true },
        new("down64", "bulk down, 64 streams", LoadKind.Down, 64, Pairs) { IsVariety = true },
        new("pp1", "ping-pong, 1 B", LoadKind.PingPong, 1, Pairs) { IsVariety = true },
        new("pp16", "ping-pong, 16 × 1 B", LoadKind.PingPong, 16, Pairs) { IsVariety = true },
        new("pp64", "ping-pong, 64 × 1 B", LoadKind.PingPong, 64, Pairs) { IsVariety = true },
        new("ppk1", "ping-pong, 1 KiB", LoadKind.PingPong, 1, Pairs) { MessageSize = 1024, IsVariety = true },
        new("ppk16", "ping-pong, 16 × 1 KiB", LoadKind.PingPong, 16, PairsAndHops | SubjectKind.Records) { MessageSize = 1024 },
        new("ppk64", "ping-pong, 64 × 1 KiB", LoadKind.PingPong, 64, Pairs) { MessageSize = 1024, IsVariety = true },
        new("pin1", "ping-pong on one core, 1 B", LoadKind.PingPong, 1, PairsAndHops | SubjectKind.Records) { Pinned = true },
        new("pin16", "ping-pong on one core, 16 × 1 B", LoadKind.PingPong, 16, Pairs) { Pinned = true, IsVariety = true },
        new("pink16", "ping-pong on one core, 16 × 1 KiB", LoadKind.PingPong, 16, Pairs) { MessageSize = 1024, Pinned = true, IsVariety = true },
        new("http64", "HTTP/1.1, 64 connections, GET of 128 B", LoadKind.Http, 64, Requests) { MessageSize = 128 },
        new("http1", "HTTP/1.1, 1 connection, GET of 128 B", LoadKind.Http, 1, Requests) { MessageSize = 128, IsVariety = true },
        new("http16k", "HTTP/1.1, 64 connections, GET of 16 KiB", LoadKind.Http, 64, Requests)
        {
            MessageSize = 16 * 1024,
            IsVariety = true,
        },
        new("grpc64", "gRPC, 8 connections × 8 calls, 128 B there and back", LoadKind.Grpc, 64, SubjectKind.Grpc) { MessageSize = 128 },
        new("connect", "new connections, 8 at a time", LoadKind.Connect, 8, PairsAndHops | SubjectKind.Single),
    ];

    /// <summary>Bytes of a message.</summary>
    public int MessageSize { get; init; } = 1;

    /// <summary>Whether client, server and proxies share one core.</summary>
    public bool Pinned { get; init; }

    /// <summary>Whether no target depends on it.</summary>
    public bool IsVariety { get; init; }

    /// <summary>At most so many rounds, so that a whole run stays below ten minutes.</summary>
    public int Rounds => IsVariety ? 2 : int.MaxValue;

    /// <summary>Whether it is about bytes, not about operations.</summary>
    public bool IsBulk => Kind is LoadKind.Up or LoadKind.Down;

    public LoadRequest Request(double seconds) => new()
    {
        Kind = Kind,
        Connections = Connections,
        MessageSize = MessageSize,
        Seconds = seconds,
        WarmUp = 0.25,
    };
}
