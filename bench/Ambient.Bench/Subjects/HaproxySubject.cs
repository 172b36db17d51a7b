namespace Ambient.Bench.Subjects;

/// <summary>haproxy with as many threads as the machine has cores, a handshake for each connection, its own defaults otherwise.</summary>
internal sealed class HaproxySubject(SubjectEntry entry, Surroundings surroundings, bool pair) : RelaySubject(entry, surroundings, pair)
{
    protected override async Task StartProxyAsync(string space, Side side)
    {
        var folder = Surroundings.Folder;
        const string Tls = $"ciphersuites {Suite} ssl-min-ver TLSv1.3";
        var bind = side.TlsFrom ? $"ssl crt {folder}/server.pem ca-file {folder}/root.pem verify required no-tls-tickets {Tls}" : "";
        var server = side.TlsTo
            ? $"ssl crt {folder}/client.pem ca-file {folder}/root.pem verify required verifyhost server no-ssl-reuse {Tls}"
            : "";
        await System.IO.File.WriteAllTextAsync(File($"{side.Name}.cfg"), $"""
            global
                nbthread {Environment.ProcessorCount}
                # two sockets each, and pipes of two ends: what the limit of open files leaves room for
                maxconn 8500
                maxpipes 1000
            defaults
                mode tcp
                option splice-auto
                timeout connect 10s
                timeout client 1h
                timeout server 1h
            frontend in
                bind :{side.Port} {bind}
                default_backend out
            backend out
                server next {side.Target} {server}

            """);
        RunProxy(space, side.Name, new Launch("haproxy", ["-db", "-f", File($"{side.Name}.cfg")], "-v", side.Port));
    }
}
