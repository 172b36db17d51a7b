using Ambient.Linux;
using Google.Protobuf;
using Microsoft.Extensions.Logging;

namespace Ambient.NodeAgent.Zds;

/// <summary>
/// Where ztunnel connects to learn of enrolled pods. During an upgrade two are connected: new pods go to the newest, removals to all.
/// </summary>
internal sealed class ZdsServer(string path, Func<IReadOnlyList<ZdsPod>> snapshot, Action changed, TimeProvider time, ILogger<ZdsServer> logger)
{
    /// <summary>Accepted at most this often (reference: 5 a second), so that a ztunnel that fails at once does not spin the agent.</summary>
    private static readonly TimeSpan BetweenAccepts = TimeSpan.FromMilliseconds(200);

    private readonly Lock _lock = new();
    private readonly List<ZdsConnection> _connections = [];

    /// <summary>Whether a ztunnel is connected.</summary>
    public bool Connected
    {
        get
        {
            lock (_lock)
            {
                return _connections.Count > 0;
            }
        }
    }

    /// <summary>Whether the newest ztunnel has acknowledged the pod in this namespace.</summary>
    public bool Knows(string uid, NamespaceId ns) => Newest?.Knows(uid, ns) == true;

    /// <summary>Tells the newest ztunnel of a pod.</summary>
    /// <exception cref="ZdsException">None is connected, or it refused.</exception>
    public Task AddAsync(ZdsPod pod, CancellationToken cancellation) =>
        (Newest ?? throw new ZdsException("no ztunnel is connected")).AddAsync(pod, cancellation);

    /// <summary>Tells all of them that a pod is gone; without any there is nobody to tell.</summary>
    public async Task DeleteAsync(string uid, CancellationToken cancellation)
    {
        ZdsConnection[] connections;
        lock (_lock)
        {
            connections = [.. _connections];
        }

        await Task.WhenAll(connections.Select(connection => connection.DeleteAsync(uid, cancellation)));
    }

    /// <summary>Listens until cancelled; ends when all its connections have.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        using var listener = SeqPacketListener.Bind(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        logger.Listening(path);
        var running = new List<Task>();
        try
        {
            while (true)
            {
                var socket = await listener.AcceptAsync(cancellation);
                running.RemoveAll(task => task.IsCompleted);
                running.Add(ServeAsync(new ZdsConnection(socket), cancellation));
                await Task.Delay(BetweenAccepts, time, cancellation);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            await Task.WhenAll(running);
        }
    }

    private ZdsConnection? Newest
    {
        get
        {
            lock (_lock)
            {
                return _connections.LastOrDefault();
            }
        }
    }

    private async Task ServeAsync(ZdsConnection connection, CancellationToken cancellation)
    {
        using var owned = connection;
        lock (_lock)
        {
            // Before its snapshot, so that a pod added meanwhile queues behind it and is not missed.
            _connections.Add(connection);
        }

        try
        {
            logger.Connected();
            await connection.RunAsync(snapshot, (pod, error) => logger.Refused(pod.PodNamespace, pod.Name, error), cancellation);
        }
        catch (OperationCanceledException)
        {
            // shutdown
        }
        catch (Exception failure) when (failure is ZdsException or IOException or InvalidProtocolBufferException or TimeoutException)
        {
            logger.Disconnected(failure.Message);
        }
        finally
        {
            lock (_lock)
            {
                _connections.Remove(connection);
            }

            // The one that is newest now may lack pods that only this one was told of.
            changed();
        }
    }
}
