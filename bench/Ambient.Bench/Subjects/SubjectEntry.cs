using Ambient.Bench.Load;

namespace Ambient.Bench.Subjects;

/// <summary>What can be measured, by its name on the command line.</summary>
/// <param name="Number">Makes its namespaces and addresses its own.</param>
/// <param name="Name">Short and stable.</param>
/// <param name="Kind">Which loads it takes part in unless others are asked for.</param>
/// <param name="Title">What it is.</param>
/// <param name="Create">Makes it.</param>
internal sealed record SubjectEntry(
    int Number, string Name, SubjectKind Kind, string Title, Func<SubjectEntry, Surroundings, Subject> Create)
{
    public static readonly SubjectEntry[] All =
    [
        new(1, "direct", SubjectKind.Direct, "no proxy: the limit of machine and harness", (entry, at) => new DirectSubject(entry, at)),
        new(2, "ztunnel", SubjectKind.Pair | SubjectKind.Mesh, "a pair of ours over HBONE", (entry, at) => new ZtunnelSubject(entry, at)),
        new(3, "haproxy", SubjectKind.Pair, "a pair of haproxies over mutual TLS", (entry, at) => new HaproxySubject(entry, at, pair: true)),
        new(4, "nginx", SubjectKind.Pair, "a pair of nginxes over mutual TLS", (entry, at) => new NginxSubject(entry, at, pair: true)),
        new(5, "ztunnel-single", SubjectKind.Single, "a pair of ours, a tunnel (and handshake) per connection", (entry, at) =>
            new ManyPeersSubject(entry, at)),
        new(6, "ztunnel-libssl", SubjectKind.Records, "a pair of ours, records by libssl", (entry, at) =>
            new ZtunnelSubject(entry, at, ("TLS_RECORDS", "libssl"))),
        new(7, "passthrough", SubjectKind.Hop, "one of ours, to a server outside the mesh", (entry, at) => new PassthroughSubject(entry, at)),
        new(8, "haproxy-tcp", SubjectKind.Hop, "one haproxy, plaintext", (entry, at) => new HaproxySubject(entry, at, pair: false)),
        new(9, "nginx-tcp", SubjectKind.Hop, "one nginx, plaintext", (entry, at) => new NginxSubject(entry, at, pair: false)),
        new(10, "haproxy-http", SubjectKind.Http, "one haproxy, HTTP/1.1", (entry, at) => new HaproxyHttpSubject(entry, at)),
        new(11, "nginx-http", SubjectKind.Http, "one nginx, HTTP/1.1", (entry, at) => new NginxHttpSubject(entry, at)),
        new(12, "waypoint-http", SubjectKind.Http, "our waypoint's request path, HTTP/1.1", (entry, at) => new WaypointHttpSubject(entry, at)),
        new(14, "direct-grpc", SubjectKind.Grpc, "no proxy, gRPC", (entry, at) => new DirectGrpcSubject(entry, at)),
        new(15, "haproxy-grpc", SubjectKind.Grpc, "one haproxy, gRPC", (entry, at) => new HaproxyHttpSubject(entry, at)),
        new(16, "nginx-grpc", SubjectKind.Grpc, "one nginx, gRPC", (entry, at) => new NginxHttpSubject(entry, at)),
        new(17, "waypoint-grpc", SubjectKind.Grpc, "our waypoint's request path, gRPC", (entry, at) => new WaypointHttpSubject(entry, at)),
        new(13, "waypoint", SubjectKind.Way, "node proxy, waypoint, node proxy", (entry, at) => new WaypointSubject(entry, at)),
    ];

    /// <summary>What it is tried with until it works.</summary>
    public string Trial => Kind switch
    {
        SubjectKind.Http or SubjectKind.Way => LoadKind.Http,
        SubjectKind.Grpc => LoadKind.Grpc,
        _ => LoadKind.PingPong,
    };

    /// <summary>Where a subject comes in tables.</summary>
    public static int Place(string name) => Array.FindIndex(All, entry => entry.Name == name);
}

/// <summary>What a subject is comparable with.</summary>
[Flags]
internal enum SubjectKind
{
    /// <summary>Nothing between.</summary>
    Direct = 1,

    /// <summary>Two proxies with mutual TLS between them.</summary>
    Pair = 2,

    /// <summary>A pair whose connections each make a tunnel.</summary>
    Single = 4,

    /// <summary>A pair with another way to make TLS records.</summary>
    Records = 8,

    /// <summary>One proxy, plaintext.</summary>
    Hop = 16,

    /// <summary>One reverse proxy of HTTP/1.1, plaintext.</summary>
    Http = 32,

    /// <summary>A waypoint between two node proxies.</summary>
    Way = 64,

    /// <summary>Our pair: the mesh without a waypoint.</summary>
    Mesh = 128,

    /// <summary>One reverse proxy of gRPC, plaintext.</summary>
    Grpc = 256,
}
