using System.Net;
using System.Net.Sockets;
using System.Text;
using Ambient.Api.Kubernetes;
using Ambient.Linux;
using Command = Ambient.Sandbox.Processes.Command;

namespace Ambient.Sandbox.Kubelet;

/// <summary>
/// Asks containers how they are, from the node's network as a kubelet does: the mesh lets a node's probes of its own pods pass.
/// Sockets are made in the node's namespace and used from an event loop; no thread of this process ever stays there.
/// </summary>
internal sealed class Prober : IAsyncDisposable
{
    /// <summary>A status line (RFC 9112 section 4) is shorter, up to and with its code.</summary>
    private const int StatusBytes = 16;

    private readonly EventLoop _loop = EventLoop.Start("probes");
    private readonly NetworkNamespace _node;

    /// <summary>Opens the node's namespace.</summary>
    public Prober(NodeContext node) => _node = NetworkNamespace.Open(Names.NamespacePath(node.NetworkNamespace));

    /// <summary>Asks once.</summary>
    /// <param name="probe">What to ask.</param>
    /// <param name="container">Whose ports a name is looked up in.</param>
    /// <param name="address">The pod's address.</param>
    /// <param name="process">The container's process, for commands.</param>
    /// <param name="ct">Ends the wait.</param>
    /// <returns>Null if it is well; else what is wrong.</returns>
    public async Task<string?> AskAsync(Probe probe, Container container, string address, int process, CancellationToken ct)
    {
        var timeout = TimeSpan.FromSeconds(Math.Max(1, probe.TimeoutSeconds ?? 1));
        try
        {
            return probe switch
            {
                { HttpGet: { } get } => await GetAsync(get, EndPoint(get.Host ?? address, get.Port, container), timeout, ct),
                { TcpSocket: { } tcp } => await ConnectAsync(EndPoint(address, tcp.Port, container), timeout, ct),
                { Exec.Command: { } command } => await RunAsync(command, process, timeout, ct),
                _ => null,
            };
        }
        catch (Exception e) when (e is IOException or TimeoutException or SandboxException)
        {
            return e.Message;
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _loop.DisposeAsync();
        _node.Dispose();
    }

    private async Task<string?> GetAsync(HttpGetAction get, IPEndPoint to, TimeSpan timeout, CancellationToken ct)
    {
        if (string.Equals(get.Scheme, "HTTPS", StringComparison.OrdinalIgnoreCase))
        {
            return await ConnectAsync(to, timeout, ct); // Kubelets do not check the certificate; that it listens is what is asked.
        }

        var request = Encoding.ASCII.GetBytes($"GET {get.Path ?? "/"} HTTP/1.1\r\nHost: {to}\r\nUser-Agent: kube-probe/ambient\r\nAccept: */*\r\nConnection: close\r\n\r\n");
        var line = await _loop.RunAsync(() => ExchangeAsync(to, request, timeout, ct));
        return line.Split(' ') is ["HTTP/1.1" or "HTTP/1.0", var code, ..] && int.TryParse(code, out var status)
            ? (status is >= 200 and < 400 ? null : $"HTTP probe of {to} answered {status}")
            : $"HTTP probe of {to}: the answer '{line}' is not HTTP";
    }

    private async Task<string?> ConnectAsync(IPEndPoint to, TimeSpan timeout, CancellationToken ct)
    {
        await _loop.RunAsync(async () =>
        {
            using var socket = TcpSocket.Create(_loop, to.AddressFamily, _node);
            await socket.ConnectAsync(to, timeout, ct);
        });
        return null;
    }

    private async Task<string> ExchangeAsync(IPEndPoint to, byte[] request, TimeSpan timeout, CancellationToken ct)
    {
        using var socket = TcpSocket.Create(_loop, to.AddressFamily, _node);
        await socket.ConnectAsync(to, timeout, ct);
        socket.TrySend(request); // a fresh socket takes some kilobytes
        var answer = new byte[StatusBytes];
        var length = 0;
        var deadline = _loop.DelayAsync(timeout, ct);
        while (length < answer.Length)
        {
            if (await Task.WhenAny(deadline, socket.WaitReadableAsync().AsTask()) == deadline)
            {
                throw new TimeoutException($"HTTP probe of {to}: no answer within {timeout.TotalSeconds:0} s");
            }

            var received = socket.TryReceive(answer.AsSpan(length));
            if (received.EndOfStream || (!received.Ok && !received.WouldBlock))
            {
                break;
            }

            length += received.WouldBlock ? 0 : received.Count;
        }

        return Encoding.ASCII.GetString(answer, 0, length);
    }

    private static async Task<string?> RunAsync(IReadOnlyList<string> command, int process, TimeSpan timeout, CancellationToken ct)
    {
        var result = await Command.TryRunAsync("nsenter", ["--target", process.ToString(), "--net", "--mount", "--uts", "--", .. command], null, null, timeout, ct);
        return result.ExitCode == 0 ? null : $"probe command exited with {result.ExitCode}: {Command.Said(result)}";
    }

    private static IPEndPoint EndPoint(string address, IntOrString port, Container container)
    {
        var number = port.Number ?? (container.Ports ?? []).FirstOrDefault(named => named.Name == port.Name)?.Port
            ?? throw new SandboxException($"The probe of container {container.Name} names port '{port}', which its ports do not have.");
        return new IPEndPoint(IPAddress.Parse(address), number);
    }
}
