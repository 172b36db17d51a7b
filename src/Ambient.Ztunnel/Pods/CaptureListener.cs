using Ambient.Linux;

namespace Ambient.Ztunnel.Pods;

/// <summary>
/// Accepts captured connections on a loop and owns what serves them: each connection's socket lives exactly as long as its
/// serving. Stopping lets them go on, aborting cuts them. On its loop only.
/// </summary>
internal sealed class CaptureListener(TcpSocket listener, Func<TcpSocket, Task> serve, Action<int> socketsChanged, Action<Exception> trouble)
{
    /// <summary>Rest after the kernel ran out of something; the connections that wait are not lost.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(100);

    private readonly HashSet<TcpSocket> _accepted = [];
    private readonly HashSet<Task> _serving = [];
    private bool _stopped;

    /// <summary>Accepts until stopped; completes when the last connection has been served.</summary>
    public async Task RunAsync()
    {
        while (!_stopped)
        {
            try
            {
                await listener.AcceptAsync(socket => Track(ServeAsync(socket)));
            }
            catch (Exception failure) when (failure is LinuxException or ObjectDisposedException)
            {
                if (!_stopped)
                {
                    trouble(failure);
                    await listener.Loop.DelayAsync(Rest);
                }
            }
        }

        while (_serving.Count > 0)
        {
            await Task.WhenAll([.. _serving]);
            _serving.RemoveWhere(static task => task.IsCompleted);
        }
    }

    public void Stop()
    {
        _stopped = true;
        listener.Dispose();
    }

    public void Abort()
    {
        Stop();
        foreach (var socket in _accepted.ToList())
        {
            socket.Abort();
        }
    }

    private async Task ServeAsync(TcpSocket socket)
    {
        _accepted.Add(socket);
        socketsChanged(1);
        try
        {
            await serve(socket);
        }
        catch (Exception failure)
        {
            // Serving reports what peers do; what comes here is a mistake of ours, and costs this connection only.
            trouble(failure);
            socket.Abort();
        }
        finally
        {
            socketsChanged(-1);
            _accepted.Remove(socket);
            socket.Dispose();
        }
    }

    private void Track(Task task)
    {
        if (!task.IsCompleted)
        {
            _serving.Add(task);
            task.GetAwaiter().OnCompleted(() => _serving.Remove(task));
        }
    }
}
