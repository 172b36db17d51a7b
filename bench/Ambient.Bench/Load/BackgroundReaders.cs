using System.Diagnostics;
using Ambient.Linux;

namespace Ambient.Bench.Load;

/// <summary>Endless downloads beside what is measured: read as fast as they come, or slowly.</summary>
internal sealed class BackgroundReaders(EventLoop loop, Destinations target)
{
    private static readonly TimeSpan BetweenReads = TimeSpan.FromMilliseconds(50);

    /// <summary>What a fast reader takes before it lets others go first.</summary>
    private const int FastTurn = 1024 * 1024;

    private readonly List<TcpSocket> _sockets = [];
    private readonly List<Task<long>> _running = [];
    private long _began;
    private bool _stopping;

    public Task<LoadFigures> StartAsync(LoadRequest request) => loop.RunAsync(async () =>
    {
        _stopping = false;
        _began = Stopwatch.GetTimestamp();
        for (var i = 0; i < request.Connections; i++)
        {
            _sockets.Add(await Client.OpenAsync(loop, target, Sink.Download));
            _running.Add(ReadAsync(_sockets[^1], request.Rate));
        }

        return new LoadFigures { Operations = _running.Count };
    });

    /// <summary>Tells what they have read together.</summary>
    public Task<LoadFigures> StopAsync() => loop.RunAsync(async () =>
    {
        _stopping = true;
        _sockets.ForEach(socket => socket.Dispose());
        var counts = await Task.WhenAll(_running);
        _sockets.Clear();
        _running.Clear();
        return new LoadFigures { Bytes = counts.Sum(), Seconds = Stopwatch.GetElapsedTime(_began).TotalSeconds };
    });

    private async Task<long> ReadAsync(TcpSocket socket, int rate)
    {
        var (began, read) = (Stopwatch.GetTimestamp(), 0L);
        while (!_stopping)
        {
            var due = rate == 0 ? FastTurn : (int)((Stopwatch.GetElapsedTime(began).TotalSeconds * rate) - read);
            var gone = due > 0 ? socket.TryDiscard(due) : default;
            if (!gone.Ok && !gone.WouldBlock)
            {
                throw new InvalidOperationException($"A reader's download ended: {gone.Error}.");
            }

            read += gone.Count;
            if (rate > 0)
            {
                await loop.DelayAsync(BetweenReads);
            }
            else if (gone.WouldBlock)
            {
                await socket.WaitReadableAsync();
            }
            else
            {
                await loop.Yield();
            }
        }

        return read;
    }
}
