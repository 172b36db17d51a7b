using Ambient.Linux;

namespace Ambient.Identity.Tls;

/// <summary>
/// Bounds the handshakes that are under way on a loop, in one role. Anybody who reaches the port can begin one and say nothing
/// more, so when all places are taken the oldest gives way once it had time enough; until then new ones are refused.
/// One for each loop: used there only.
/// </summary>
/// <param name="places">Handshakes under way: 1,024 of 45 KB hold 46 MB, and are seven tenths of a second of work.</param>
/// <param name="patience">What a handshake may take before it gives way: many round trips, a fraction of its deadline.</param>
internal sealed class HandshakeLimit(int places, TimeSpan patience)
{
    private const int Places = 1024;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private static readonly LoopLocal<HandshakeLimit> _accepting = new(static _ => new HandshakeLimit(Places, Patience));
    private static readonly LoopLocal<HandshakeLimit> _opening = new(static _ => new HandshakeLimit(Places, Patience));

    private readonly LinkedList<TlsHandshake> _underWay = [];

    /// <summary>For the connections that a loop accepts.</summary>
    public static HandshakeLimit Accepting(EventLoop loop) => _accepting.Of(loop);

    /// <summary>For those that it opens: a flood from outside does not keep it from them.</summary>
    public static HandshakeLimit Opening(EventLoop loop) => _opening.Of(loop);

    /// <summary>Gives a handshake a place, for <see cref="Leave"/> to take back.</summary>
    /// <exception cref="TlsException">There is none.</exception>
    public LinkedListNode<TlsHandshake> Enter(TlsHandshake handshake, EventLoop loop)
    {
        if (_underWay.Count >= places)
        {
            var oldest = _underWay.First!.Value;
            if (loop.NowMilliseconds - oldest.Began < patience.TotalMilliseconds)
            {
                throw TooMany("this one is one more");
            }

            oldest.Cut(TooMany($"this one was not over after {patience.TotalSeconds:0.###} s"));
        }

        return _underWay.AddLast(handshake);
    }

    public void Leave(LinkedListNode<TlsHandshake> place) => _underWay.Remove(place);

    private TlsException TooMany(string which) => new(
        TlsFailure.TooManyHandshakes,
        $"{places} TLS handshakes are under way on one worker, and {which}: the node is overloaded or attacked.");
}
