using Ambient.Hbone;
using Ambient.Linux;

namespace Ambient.Proxy.Tunnels;

/// <summary>
/// Resets streams whose answer does not come in time. All wait equally long, so they expire in the order in which they began, and one look
/// a second at the oldest is enough: no timer per connection. On its loop only.
/// </summary>
public sealed class Deadlines : IDisposable
{
    /// <summary>How late a deadline may be noticed; small against the seconds that are waited.</summary>
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    private readonly EventLoop _loop;
    private readonly long _milliseconds;
    private readonly IDisposable _heartbeat;
    private readonly LinkedList<Entry> _waiting = [];

    /// <summary>Makes an empty set of deadlines for a loop. On the loop.</summary>
    public Deadlines(EventLoop loop, TimeSpan timeout)
    {
        _loop = loop;
        Timeout = timeout;
        _milliseconds = (long)timeout.TotalMilliseconds;
        _heartbeat = loop.Every(Period, Expire);
    }

    /// <summary>How long each is waited for.</summary>
    public TimeSpan Timeout { get; }

    /// <summary>Begins to wait for a stream's answer; dispose the entry when it came.</summary>
    public Entry Begin(Http2Stream stream)
    {
        var entry = new Entry(this, stream, _loop.NowMilliseconds + _milliseconds);
        entry.Node = _waiting.AddLast(entry);
        return entry;
    }

    /// <inheritdoc/>
    public void Dispose() => _heartbeat.Dispose();

    private void Expire()
    {
        while (_waiting.First is { } oldest && oldest.Value.At <= _loop.NowMilliseconds)
        {
            oldest.Value.Expire();
        }
    }

    /// <summary>One stream that is waited for.</summary>
    public sealed class Entry : IDisposable
    {
        private readonly Deadlines _owner;
        private readonly Http2Stream _stream;

        internal Entry(Deadlines owner, Http2Stream stream, long at)
        {
            _owner = owner;
            _stream = stream;
            At = at;
        }

        internal long At { get; }

        internal LinkedListNode<Entry>? Node { get; set; }

        /// <summary>Whether the time ran out; the stream is reset then.</summary>
        public bool Expired { get; private set; }

        internal void Expire()
        {
            Expired = true;
            Dispose();
            _stream.Reset(Http2ErrorCode.Cancel);
        }

        /// <summary>The answer came.</summary>
        public void Dispose()
        {
            if (Node is { } node)
            {
                Node = null;
                _owner._waiting.Remove(node);
            }
        }
    }
}
