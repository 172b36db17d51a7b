using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Ambient.Identity.Tests.Peers;

/// <summary>A program that speaks TLS, run for one test.</summary>
internal sealed class PeerProcess : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    private readonly Process _process;
    private readonly StringBuilder _errors = new();

    public PeerProcess(string program, params string[] arguments)
    {
        _process = new Process
        {
            StartInfo = new ProcessStartInfo(program, arguments)
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            },
        };
        _process.ErrorDataReceived += (_, line) =>
        {
            lock (_errors)
            {
                _errors.AppendLine(line.Data);
            }
        };
        _process.Start();
        _process.BeginErrorReadLine();
    }

    public Stream Input => _process.StandardInput.BaseStream;

    public Stream Output => _process.StandardOutput.BaseStream;

    public StreamReader Lines => _process.StandardOutput;

    public string Errors
    {
        get
        {
            lock (_errors)
            {
                return _errors.ToString();
            }
        }
    }

    /// <summary>A port that nobody listens on now.</summary>
    public static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    /// <summary>Waits until somebody listens on a port of this machine.</summary>
    public async Task ListensOnAsync(int port)
    {
        var patience = Stopwatch.StartNew();
        while (!ListeningPorts().Contains(port))
        {
            Assert.True(patience.Elapsed < Limit && !_process.HasExited, $"{_process.StartInfo.FileName} does not listen: {Errors}");
            await Task.Delay(10);
        }
    }

    public async Task<byte[]> ReadAllAsync()
    {
        using var all = new MemoryStream();
        await Output.CopyToAsync(all).WaitAsync(Limit);
        return all.ToArray();
    }

    public async Task ExitAsync() => await _process.WaitForExitAsync().WaitAsync(Limit);

    public void Kill()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }
    }

    public void Dispose()
    {
        Kill();
        _process.Dispose();
    }

    private static IEnumerable<int> ListeningPorts() => File.ReadLines("/proc/net/tcp").Concat(File.ReadLines("/proc/net/tcp6")).Skip(1)
        .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        .Where(fields => fields.Length > 3 && fields[3] == "0A")
        .Select(fields => Convert.ToInt32(fields[1][(fields[1].LastIndexOf(':') + 1)..], 16));
}
