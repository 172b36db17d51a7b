using System.Net;

namespace Ambient.Linux;

/// <summary>
/// Listeners of one port on several loops (SO_REUSEPORT). The kernel spreads connections over them by a hash, which is fair over
/// thousands and not over eight; a listener that has more open than another of its group hands the next one over, so that
/// no two differ by more than one. Handing over costs a wake-up of the other loop, and only uneven arrivals pay it.
/// </summary>
public sealed class ListenerGroup
{
    private readonly Lock _lock = new();
    private volatile Member[] _members = [];

    /// <summary>Lets a listener take part; it does from when it accepts until it is closed. Before it accepts, on its loop.</summary>
    public void Add(TcpSocket listener)
    {
        var member = new Member(listener, this);
        listener.Place = member;
        lock (_lock)
        {
            _members = [.. _members, member];
        }
    }

    /// <summary>A listener's place, in a group or alone; connections are counted there from any loop.</summary>
    internal sealed class Member(TcpSocket listener, ListenerGroup? group)
    {
        private int _open;

        public TcpSocket Listener => listener;

        /// <summary>Who takes what it accepts, once it does.</summary>
        public Action<TcpSocket>? Taker { get; set; }

        /// <summary>Who is to have its next connection: itself, unless another has fewer.</summary>
        public Member Least()
        {
            var least = this;
            foreach (var member in group?._members ?? [])
            {
                if (member.Taker is not null && Volatile.Read(ref member._open) < Volatile.Read(ref least._open))
                {
                    least = member;
                }
            }

            return least;
        }

        public void Opened() => Interlocked.Increment(ref _open);

        public void Closed() => Interlocked.Decrement(ref _open);

        public void Leave()
        {
            Taker = null;
            group?.Remove(this);
        }
    }

    /// <summary>An accepted connection on its way to another loop.</summary>
    internal sealed record Handover(Member To, int Descriptor, IPEndPoint Remote);

    private void Remove(Member member)
    {
        lock (_lock)
        {
            _members = [.. _members.Where(other => other != member)];
        }
    }
}
