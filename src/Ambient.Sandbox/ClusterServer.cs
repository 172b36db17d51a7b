using System.Net;
using System.Net.Sockets;
using Ambient.ApiServer;
using Ambient.Sandbox.Network;
using Ambient.Sandbox.Runs;
using Microsoft.Extensions.Logging;

namespace Ambient.Sandbox;

/// <summary>
/// The sandbox's API server: for users on loopback (which no HTTP proxy of theirs gets in the way of), for nodes and pods on the bridge.
/// </summary>
internal sealed class ClusterServer : IAsyncDisposable
{
    /// <summary>A port may be taken between the moment it was found free and the moment it is used.</summary>
    private const int Attempts = 5;

    private readonly ApiServer.ApiServer _server;

    private ClusterServer(ApiServer.ApiServer server) => _server = server;

    /// <summary>Where it listens, on loopback; the bridge has the same port.</summary>
    public Uri Url => _server.Url;

    /// <summary>PEM of the authority behind its certificate.</summary>
    public string Roots => _server.CertificateAuthorityPem;

    /// <summary>Starts it and writes the administrator's kubeconfig.</summary>
    /// <param name="id">The sandbox.</param>
    /// <param name="plan">Its addresses.</param>
    /// <param name="pods">Answers for logs and commands of pods.</param>
    /// <param name="loggers">Where it reports.</param>
    /// <param name="time">The clock.</param>
    /// <param name="ct">Ends the attempt.</param>
    public static async Task<ClusterServer> StartAsync(
        string id, AddressPlan plan, IPodRuntime pods, ILoggerFactory loggers, TimeProvider time, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            var port = FreePort();
            try
            {
                var server = await ApiServer.ApiServer.StartAsync(
                    new ApiServerOptions
                    {
                        Listen = [new IPEndPoint(IPAddress.Loopback, port), new IPEndPoint(plan.Host4, port)],
                        ServiceRanges = [IPNetwork.Parse(plan.ServiceRange4), IPNetwork.Parse(plan.ServiceRange6)],
                        PodRuntime = pods,
                        Time = time,
                    },
                    loggers, ct);
                WriteKubeConfig(id, server.AdminKubeconfig());
                return new ClusterServer(server);
            }
            catch (IOException) when (attempt < Attempts)
            {
                // Somebody else was faster: the next port.
            }
        }
    }

    /// <inheritdoc />
    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private static void WriteKubeConfig(string id, string text)
    {
        var path = RunDirectory.KubeConfigOf(id);
        File.WriteAllText(path, text);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    private static int FreePort()
    {
        using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        probe.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)probe.LocalEndPoint!).Port;
    }
}
