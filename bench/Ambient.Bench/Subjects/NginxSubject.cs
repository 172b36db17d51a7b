namespace Ambient.Bench.Subjects;

/// <summary>nginx with as many workers as the machine has cores, a handshake for each connection, and buffers of 64 KB.</summary>
internal sealed class NginxSubject(SubjectEntry entry, Surroundings surroundings, bool pair) : RelaySubject(entry, surroundings, pair)
{
    protected override async Task StartProxyAsync(string space, Side side)
    {
        var folder = Surroundings.Folder;
        var from = side.TlsFrom
            ? $"""
                ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.pem;
                ssl_client_certificate {folder}/root.pem; ssl_verify_client on;
                ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites {Suite};
                ssl_session_cache off; ssl_session_tickets off;
                """
            : "";
        var to = side.TlsTo
            ? $"""
                proxy_ssl on; proxy_ssl_certificate {folder}/client.pem; proxy_ssl_certificate_key {folder}/client.pem;
                proxy_ssl_trusted_certificate {folder}/root.pem; proxy_ssl_verify on; proxy_ssl_name server;
                proxy_ssl_protocols TLSv1.3; proxy_ssl_conf_command Ciphersuites {Suite}; proxy_ssl_session_reuse off;
                """
            : "";
        await System.IO.File.WriteAllTextAsync(File($"{side.Name}.conf"), $$"""
            load_module {{Module}};
            user root;
            pid {{File($"{side.Name}.pid")}};
            error_log stderr;
            worker_processes {{Environment.ProcessorCount}};
            worker_rlimit_nofile 20000;
            events { worker_connections 19000; }
            stream {
                server {
                    listen {{side.Port}}{{(side.TlsFrom ? " ssl" : "")}} backlog=4096;
                    {{from}}
                    proxy_pass {{side.Target}};
                    {{to}}
                    proxy_buffer_size 64k;
                    proxy_half_close on;
                    proxy_timeout 1h;
                }
            }

            """);
        RunProxy(space, side.Name, new Launch("nginx", ["-e", "stderr", "-g", "daemon off;", "-c", File($"{side.Name}.conf")], "-v", side.Port));
    }

    /// <summary>Where Debian's libnginx-mod-stream puts it.</summary>
    private const string Module = "/usr/lib/nginx/modules/ngx_stream_module.so";
}
