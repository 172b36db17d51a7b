using System.Runtime.CompilerServices;
using Ambient.Linux;

namespace Ambient.Identity.Tls;

/// <summary>
/// Lets one step of one handshake go per turn of the loop, in the order of their asking. A step is up to half a millisecond of
/// cryptography, so a thousand peers that connect at once would otherwise hold up the loop's established connections for
/// most of a second. Without a crowd nobody waits. One for each loop: used there only.
/// </summary>
internal sealed class HandshakeTurns
{
    private static readonly LoopLocal<HandshakeTurns> _ofLoops = new(static loop => new HandshakeTurns(loop));

    private readonly EventLoop _loop;
    private readonly Action _next;

    // Bound: one entry for each handshake under way, which HandshakeLimit bounds.
    private readonly Queue<(TcpSocket Socket, Action Continue)> _waiting = new();
    private long _lastTurn = -1;
    private bool _comesAgain;

    private HandshakeTurns(EventLoop loop)
    {
        _loop = loop;
        _next = Next;
    }

    /// <summary>Those of the loop that calls.</summary>
    public static HandshakeTurns Of(EventLoop loop) => _ofLoops.Of(loop);

    /// <summary>Awaited, continues when it is the handshake's turn, or its socket is closed.</summary>
    public Turn NextAsync(TcpSocket socket) => new(this, socket);

    private bool TryTake()
    {
        if (_waiting.Count > 0 || _lastTurn == _loop.Turns)
        {
            return false;
        }

        _lastTurn = _loop.Turns;
        return true;
    }

    private void Wait(TcpSocket socket, Action continuation)
    {
        _waiting.Enqueue((socket, continuation));
        ComeAgain();
    }

    private void ComeAgain()
    {
        if (!_comesAgain && _waiting.Count > 0)
        {
            _comesAgain = true;
            _loop.Yield().OnCompleted(_next);
        }
    }

    private void Next()
    {
        _comesAgain = false;
        while (_waiting.TryDequeue(out var first))
        {
            if (!first.Socket.IsClosed)
            {
                _lastTurn = _loop.Turns;
                ComeAgain();
                first.Continue();
                return;
            }

            // It has no step to make. A loop that ends closes all, and this is their last chance to hear of it.
            first.Continue();
        }
    }

    internal readonly struct Turn(HandshakeTurns turns, TcpSocket socket) : ICriticalNotifyCompletion
    {
        public bool IsCompleted => turns.TryTake();

        public Turn GetAwaiter() => this;

        public void GetResult()
        {
        }

        public void OnCompleted(Action continuation) => turns.Wait(socket, continuation);

        public void UnsafeOnCompleted(Action continuation) => turns.Wait(socket, continuation);
    }
}
