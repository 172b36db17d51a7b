using Ambient.Bench.Load;

namespace Ambient.Bench.Subjects;

/// <summary>Two haproxies with mutual TLS 1.3 between them, each with as many threads as the machine has cores.</summary>
internal sealed class HaproxySubject(string folder) : Subject("haproxy TLS pair", 2)
{
    private const int Redirected = 15001;
    private const int Tls = 15443;

    protected override async Task StartProxiesAsync()
    {
        var client = Path.Combine(folder, "haproxy-client.cfg");
        var server = Path.Combine(folder, "haproxy-server.cfg");
        // AES-256 as the node proxies use among themselves.
        const string Suite = "ciphersuites TLS_AES_256_GCM_SHA384 ssl-min-ver TLSv1.3";
        await File.WriteAllTextAsync(client, Configuration(
            $"bind :{Redirected}",
            $"server peer {ServerAddress}:{Tls} ssl verify required ca-file {folder}/root.pem crt {folder}/client.pem {Suite}"));
        await File.WriteAllTextAsync(server, Configuration(
            $"bind :{Tls} ssl crt {folder}/server.pem ca-file {folder}/root.pem verify required {Suite}",
            $"server sink 127.0.0.1:{Sink.Port}"));
        await RedirectAsync();
        RunProxy(ServerSpace, null, "haproxy", "-db", "-f", server);
        RunProxy(ClientSpace, null, "haproxy", "-db", "-f", client);
    }

    private static string Configuration(string bind, string server) => $"""
        global
            nbthread {Environment.ProcessorCount}
            maxconn 4000
            ssl-server-verify none
        defaults
            mode tcp
            timeout connect 10s
            timeout client 1h
            timeout server 1h
        frontend in
            {bind}
            default_backend out
        backend out
            {server}

        """;

    private async Task RedirectAsync()
    {
        using var space = Ambient.Linux.NetworkNamespace.Open($"/var/run/netns/{ClientSpace}");
        await Ambient.Linux.NetworkCommand.NftAsync(space, $$"""
            table ip capture {
                chain output {
                    type nat hook output priority -100; policy accept;
                    ip daddr {{ServerAddress}} tcp dport {{Sink.Port}} redirect to :{{Redirected}}
                }
            }
            """);
    }
}
