using Ambient.Bench.Load;

namespace Ambient.Bench.Subjects;

/// <summary>One reverse proxy of HTTP/1.1, or HTTP/2 for gRPC, in the client's namespace; the client's requests name it, so nothing is redirected.</summary>
internal abstract class HttpSubject(SubjectEntry entry, Surroundings surroundings) : Subject(entry, surroundings)
{
    protected const int Port = 8080;

    protected override IEnumerable<string> Targets => [$"{ClientAddress}:{Port}"];

    /// <summary>Whether it speaks HTTP/2, for gRPC.</summary>
    protected bool IsGrpc => Entry.Kind == SubjectKind.Grpc;

    /// <summary>Where it sends the requests.</summary>
    protected string Upstream => $"{ServerAddress}:{(IsGrpc ? GrpcSink.Port : Sink.Port)}";

    protected string File(string name) => Surroundings.File($"{Name}-{name}");
}

/// <summary>haproxy with as many threads as the machine has cores. Connections to the server stay and are shared.</summary>
internal sealed class HaproxyHttpSubject(SubjectEntry entry, Surroundings surroundings) : HttpSubject(entry, surroundings)
{
    protected override async Task StartProxiesAsync()
    {
        await System.IO.File.WriteAllTextAsync(File("cfg"), $"""
            global
                nbthread {Environment.ProcessorCount}
                maxconn 9000
            defaults
                mode http
                timeout connect 10s
                timeout client 1h
                timeout server 1h
                timeout http-keep-alive 1h
            frontend in
                bind :{Port} {(IsGrpc ? "proto h2" : "")}
                default_backend out
            backend out
                http-reuse always
                server next {Upstream} {(IsGrpc ? "proto h2" : "")}

            """);
        RunProxy(ClientSpace, "proxy", new Launch("haproxy", ["-db", "-f", File("cfg")], "-v", Port));
    }
}

/// <summary>
/// nginx with as many workers as the machine has cores. Connections to the server stay, as many of each worker as the loads have; neither they
/// nor the client's end after a number of requests.
/// </summary>
internal sealed class NginxHttpSubject(SubjectEntry entry, Surroundings surroundings) : HttpSubject(entry, surroundings)
{
    protected override async Task StartProxiesAsync()
    {
        await System.IO.File.WriteAllTextAsync(File("conf"), $$"""
            user root;
            pid {{File("pid")}};
            error_log stderr;
            worker_processes {{Environment.ProcessorCount}};
            worker_rlimit_nofile 20000;
            events { worker_connections 19000; }
            http {
                access_log off;
                keepalive_timeout 1h;
                keepalive_requests 1000000000;
                upstream next {
                    server {{Upstream}};
                    keepalive 64;
                    keepalive_requests 1000000000;
                }
                server {
                    listen {{Port}}{{(IsGrpc ? " http2" : "")}} backlog=4096;
                    location / {
                        {{(IsGrpc ? "grpc_pass grpc://next;" : "proxy_pass http://next; proxy_http_version 1.1; proxy_set_header Connection \"\";")}}
                    }
                }
            }

            """);
        RunProxy(ClientSpace, "proxy", new Launch("nginx", ["-e", "stderr", "-g", "daemon off;", "-c", File("conf")], "-v", Port));
    }
}

/// <summary>The request path of our waypoint without tunnels: one route, a policy that allows and one that denies, metrics.</summary>
internal sealed class WaypointHttpSubject(SubjectEntry entry, Surroundings surroundings) : HttpSubject(entry, surroundings)
{
    protected override Task StartProxiesAsync()
    {
        RunProxy(ClientSpace, "proxy", new Launch(
            Surroundings.Waypoint, ["reverse-proxy", "--listen", $"0.0.0.0:{Port}", "--upstream", Upstream, .. IsGrpc ? ["--http2"] : Array.Empty<string>()], "version", Port));
        return Task.CompletedTask;
    }
}

/// <summary>No proxy between gRPC's client and its server.</summary>
internal sealed class DirectGrpcSubject(SubjectEntry entry, Surroundings surroundings) : Subject(entry, surroundings)
{
    protected override IEnumerable<string> Targets => [$"{ServerAddress}:{GrpcSink.Port}"];

    protected override Task StartProxiesAsync() => Task.CompletedTask;
}
