using Ambient.Bench.Load;
using Ambient.Bench.Subjects;

namespace Ambient.Bench;

/// <summary>A load, by its name on the command line.</summary>
/// <param name="Name">Short and stable.</param>
/// <param name="Title">As the tables name it.</param>
/// <param name="Kind">One of <see cref="LoadKind"/>.</param>
/// <param name="Connections">At a time.</param>
/// <param name="Subjects">Who takes part unless subjects are asked for.</param>
internal sealed record LoadShape(string Name, string Title, string Kind, int Connections, SubjectKind Subjects)
{
    private const SubjectKind All = SubjectKind.Direct | SubjectKind.Pair | SubjectKind.Hop | SubjectKind.Variant;
    private const SubjectKind Some = SubjectKind.Direct | SubjectKind.Pair;

    public static readonly LoadShape[] Simple =
    [
        new("up1", "bulk up, 1 stream", LoadKind.Up, 1, All),
        new("up8", "bulk up, 8 streams", LoadKind.Up, 8, All),
        new("up64", "bulk up, 64 streams", LoadKind.Up, 64, Some),
        new("down1", "bulk down, 1 stream", LoadKind.Down, 1, Some) { Rounds = 3 },
        new("down8", "bulk down, 8 streams", LoadKind.Down, 8, All) { Rounds = 3 },
        new("down64", "bulk down, 64 streams", LoadKind.Down, 64, Some) { Rounds = 3 },
        new("pp1", "ping-pong, 1 B", LoadKind.PingPong, 1, Some) { Rounds = 3 },
        new("pp16", "ping-pong, 16 × 1 B", LoadKind.PingPong, 16, Some) { Rounds = 3 },
        new("pp64", "ping-pong, 64 × 1 B", LoadKind.PingPong, 64, Some) { Rounds = 3 },
        new("ppk1", "ping-pong, 1 KiB", LoadKind.PingPong, 1, Some) { MessageSize = 1024, Rounds = 3 },
        new("ppk16", "ping-pong, 16 × 1 KiB", LoadKind.PingPong, 16, All) { MessageSize = 1024 },
        new("ppk64", "ping-pong, 64 × 1 KiB", LoadKind.PingPong, 64, Some) { MessageSize = 1024, Rounds = 3 },
        new("pin1", "ping-pong on one core, 1 B", LoadKind.PingPong, 1, All) { Pinned = true },
        new("pin16", "ping-pong on one core, 16 × 1 B", LoadKind.PingPong, 16, Some) { Pinned = true, Rounds = 3 },
        new("pink16", "ping-pong on one core, 16 × 1 KiB", LoadKind.PingPong, 16, Some) { MessageSize = 1024, Pinned = true, Rounds = 3 },
        new("connect", "new connections, 8 at a time", LoadKind.Connect, 8, All),
    ];

    /// <summary>Bytes of a message.</summary>
    public int MessageSize { get; init; } = 1;

    /// <summary>Whether client, server and proxies share one core.</summary>
    public bool Pinned { get; init; }

    /// <summary>At most so many rounds: those that no target depends on need fewer.</summary>
    public int Rounds { get; init; } = int.MaxValue;

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
