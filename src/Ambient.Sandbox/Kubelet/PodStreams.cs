using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Ambient.ApiServer;
using Ambient.Kubernetes;
using Ambient.Linux;

namespace Ambient.Sandbox.Kubelet;

/// <summary>Answers for the API server what concerns the inside of pods: logs, commands, connections.</summary>
internal sealed class PodStreams(string sandbox, string logFolder, Func<KubernetesClient> client) : Ambient.ApiServer.IPodRuntime
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(200);

    /// <inheritdoc />
    public async Task WriteLogAsync(PodLogRequest request, Stream output, CancellationToken cancellationToken)
    {
        var files = Directory.Exists(logFolder) ? Directory.GetFiles(logFolder, $"{request.Namespace}_{request.Pod}_{request.Container ?? "*"}.log") : [];
        if (files.Length == 0)
        {
            throw new KeyNotFoundException($"container {request.Container} of pod {request.Namespace}/{request.Pod} has written no log yet");
        }

        await using var file = new FileStream(files[0], FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        file.Position = request.TailLines is { } lines ? StartOfTail(file, lines) : 0;
        var left = request.LimitBytes ?? long.MaxValue;
        var buffer = new byte[64 * 1024];
        while (left > 0)
        {
            var count = await file.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, left)), cancellationToken);
            if (count > 0)
            {
                await output.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
                await output.FlushAsync(cancellationToken);
                left -= count;
            }
            else if (request.Follow)
            {
                await Task.Delay(Poll, cancellationToken);
            }
            else
            {
                return;
            }
        }
    }

    /// <inheritdoc />
    public async Task<int> ExecAsync(PodExecRequest request, PodExecStreams streams, CancellationToken cancellationToken)
    {
        ProcessStartInfo info;
        try
        {
            info = await PodExec.DescribeAsync(sandbox, client(), request.Namespace, request.Pod, request.Container, request.Command, cancellationToken);
        }
        catch (SandboxException e)
        {
            throw new KeyNotFoundException(e.Message, e);
        }

        info.RedirectStandardInput = info.RedirectStandardOutput = info.RedirectStandardError = true;
        using var process = Process.Start(info) ?? throw new KeyNotFoundException("nsenter did not start");
        try
        {
            var output = process.StandardOutput.BaseStream.CopyToAsync(streams.Output, cancellationToken);
            var error = process.StandardError.BaseStream.CopyToAsync(streams.Error, cancellationToken);
            var input = FeedAsync(process, streams.Input, cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
            await Task.WhenAll(output, error);
            process.StandardInput.Close();
            await input;
            return process.ExitCode;
        }
        catch
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }

    /// <inheritdoc />
    public async Task<Stream> ConnectAsync(string ns, string pod, int port, CancellationToken cancellationToken)
    {
        Socket? socket = null;
        try
        {
            var process = await PodExec.FindAsync(sandbox, client(), ns, pod, null, cancellationToken);
            using var space = NetworkNamespace.Open($"/proc/{process}/ns/net");
            socket = space.CreateSocket(AddressFamily.InterNetwork);
            await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch (Exception e) when (e is SandboxException or LinuxException)
        {
            throw new KeyNotFoundException(e.Message, e);
        }
        catch (SocketException e)
        {
            socket?.Dispose();
            throw new IOException(e.Message, e);
        }
    }

    private static async Task FeedAsync(Process process, Stream? input, CancellationToken ct)
    {
        try
        {
            if (input is not null)
            {
                // The user's end may stay open after the command has ended: whichever comes first ends the copying.
                await await Task.WhenAny(input.CopyToAsync(process.StandardInput.BaseStream, ct), process.WaitForExitAsync(ct));
            }

            process.StandardInput.Close();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The command has ended and reads no more.
        }
    }

    /// <summary>Where the last so many lines begin.</summary>
    private static long StartOfTail(FileStream file, long lines)
    {
        var found = 0L;
        for (var at = file.Length - 1; at > 0; at--)
        {
            file.Position = at - 1;
            if (file.ReadByte() == '\n' && ++found == lines)
            {
                return at;
            }
        }

        return lines == 0 ? file.Length : 0;
    }
}
