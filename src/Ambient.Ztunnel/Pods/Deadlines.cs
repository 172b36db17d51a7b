using Ambient.Hbone;
using Ambient.Linux;

namespace Ambient.Ztunnel.Pods;

/// <summary>
/// Resets streams whose answer does not come in time. All wait equally long, so they expire in the order in which they began, and one look
/// a second at the oldest is enough: no timer per connection. On its loop only.
/// </summary>
internal sealed class Deadlines : IDisposable
{
    /// <summary>How late a deadline may be noticed; small against the seconds that are waited.</summary>
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    private readonly EventLoop _loop;
    private readonly long _milliseconds;
    private readonly IDisposable _heartbeat;
    private readonly LinkedList<Entry> _waiting = [];

    public Deadlines(EventLoop loop, TimeSpan timeout)
    {
        _loop = loop;
        Timeout = timeout;
        _milliseconds = (long)timeout.TotalMilliseconds;
        _heartbeat = loop.Every(Period, Expire);
    }

    public TimeSpan Timeout { get; }

    /// <summary>Begins to wait for a stream's answer; dispose the entry when it came.</summary>
    public Entry Begin(Http2Stream stream)
    {
        var entry = new Entry(this, stream, _loop.NowMilliseconds + _milliseconds);
        entry.Node = _waiting.AddLast(entry);
        return entry;
    }

    public void Dispose() => _heartbeat.Dispose();

    private void Expire()
    {
        while (_waiting.First is { } oldest && oldest.Value.At <= _loop.NowMilliseconds)
        {
            oldest.Value.Expire();
        }
    }

    /// <summary>One stream that is waited for.</summary>
    internal sealed class Entry(Deadlines owner, Http2Stream stream, long at) : IDisposable
    {
        public long At { get; } = at;

        public LinkedListNode<Entry>? Node { get; set; }

        /// <summary>Whether the time ran out; the stream is reset then.</summary>
        public bool Expired { get; private set; }

        public void Expire()
        {
            Expired = true;
            Dispose();
            stream.Reset(Http2ErrorCode.Cancel);
        }

        public void Dispose()
        {
            if (Node is { } node)
            {
                Node = null;
                owner._waiting.Remove(node);
            }
        }
    }
}
