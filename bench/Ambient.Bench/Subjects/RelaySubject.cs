using Ambient.Bench.Load;
using Ambient.Linux;

namespace Ambient.Bench.Subjects;

/// <summary>
/// A general proxy: one in the client's namespace, whose connections the packet filter redirects to it as a mesh does, and a second in
/// the server's with mutual TLS between them if it is a pair.
/// </summary>
internal abstract class RelaySubject(SubjectEntry entry, Surroundings surroundings, bool pair) : Subject(entry, surroundings)
{
    /// <summary>The one cipher suite of all subjects.</summary>
    protected const string Suite = "TLS_AES_128_GCM_SHA256";

    private const int Redirected = 15001;
    private const int Tls = 15443;

    /// <summary>Exists in the packet filter only, so that what the proxy connects to is not redirected to it again.</summary>
    private const int Captured = 7001;

    protected override IEnumerable<string> Targets => [$"{ServerAddress}:{Captured}"];

    protected string File(string name) => Surroundings.File($"{Name}-{name}");

    protected override async Task StartProxiesAsync()
    {
        using var space = NetworkNamespace.Open($"/var/run/netns/{ClientSpace}");
        await NetworkCommand.NftAsync(space, $$"""
            table ip capture {
                chain output {
                    type nat hook output priority -100; policy accept;
                    ip daddr {{ServerAddress}} tcp dport {{Captured}} redirect to :{{Redirected}}
                }
            }
            """);
        if (pair)
        {
            await StartProxyAsync(ServerSpace, new Side("server", Tls, $"127.0.0.1:{Sink.Port}", TlsFrom: true, TlsTo: false));
            await StartProxyAsync(ClientSpace, new Side("client", Redirected, $"{ServerAddress}:{Tls}", TlsFrom: false, TlsTo: true));
        }
        else
        {
            await StartProxyAsync(ClientSpace, new Side("relay", Redirected, $"{ServerAddress}:{Sink.Port}", TlsFrom: false, TlsTo: false));
        }
    }

    /// <summary>Writes the configuration and starts the program.</summary>
    protected abstract Task StartProxyAsync(string space, Side side);

    /// <summary>One proxy's part.</summary>
    /// <param name="Name">Of its files.</param>
    /// <param name="Port">Where it listens.</param>
    /// <param name="Target">Where it connects to.</param>
    /// <param name="TlsFrom">Whether those who connect to it speak TLS.</param>
    /// <param name="TlsTo">Whether it speaks TLS where it connects to.</param>
    protected sealed record Side(string Name, int Port, string Target, bool TlsFrom, bool TlsTo);
}
