using Ambient.Linux;

namespace Ambient.Ztunnel.Pods;

/// <summary>
/// Accepts captured connections on a loop for the path that serves them. Stopping lets them go on, aborting cuts them. On its loop only.
/// </summary>
internal sealed class CaptureListener(TcpSocket listener, ConnectionSet connections, Func<CarriedConnection, Task> serve, Action<Exception> trouble)
{
    /// <summary>Rest after the kernel ran out of something; the connections that wait are not lost.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(100);

    private bool _stopped;

    /// <summary>Accepts until stopped; completes when the last connection has ended.</summary>
    public async Task RunAsync()
    {
        while (!_stopped)
        {
            try
            {
                await listener.AcceptAsync(socket => _ = ServeAsync(connections.Add(socket))); // the set waits for it
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

        await connections.WhenEmptyAsync();
    }

    public void Stop()
    {
        _stopped = true;
        listener.Dispose();
    }

    public void Abort()
    {
        Stop();
        connections.Abort();
    }

    private async Task ServeAsync(CarriedConnection connection)
    {
        try
        {
            await serve(connection);
        }
        catch (Exception failure)
        {
            // Serving reports what peers do; what comes here is a mistake of ours, and costs this connection only.
            trouble(failure);
            connection.Captured.Abort();
            connection.Close();
        }
    }
}
