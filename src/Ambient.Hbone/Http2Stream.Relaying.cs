using System.Buffers;

namespace Ambient.Hbone;

/// <summary>A stream as a relay uses it: told of events, it needs no reader, no writer and no queues while bytes pass through.</summary>
public sealed partial class Http2Stream
{
    /// <summary>What a relayed stream keeps of its request and its answer: the fields of thousands of idle tunnels add up.</summary>
    private static readonly RequestHeaders _bareConnect = new() { Method = "CONNECT" };
    private static readonly ResponseHeaders _bareAnswer = new() { Status = 200 };

    private IStreamRelay? _relay;
    private bool _relayWaits;
    private bool _endTold;

    /// <summary>Bytes that came and were not taken, for a relay that takes them later, by <see cref="Consume"/>.</summary>
    public ReadOnlySequence<byte> Queued => _received?.Sequence ?? default;

    /// <summary>
    /// Gives the stream to a relay, which writes by <see cref="Lend"/> and <see cref="Commit"/> from now on and is told of what comes.
    /// It looks at <see cref="Queued"/> itself first. Neither <see cref="Input"/> nor <see cref="Output"/> may be in use.
    /// </summary>
    public void Attach(IStreamRelay relay)
    {
        if (Request.IsConnect)
        {
            Request = _bareConnect;
            _response = _response is null ? null : _bareAnswer;
        }

        WritesDirectly = true;
        Receiver = _relay = relay;
        if (_error is not null && !_remoteEnded)
        {
            FailReading(_error);
        }
        else
        {
            TellEnd();
        }
    }

    /// <summary>Takes bytes off <see cref="Queued"/>: the peer gets credit for them.</summary>
    public void Consume(long count)
    {
        _received!.Consume(count);
        OnConsumed(count);
        TellEnd();
    }

    /// <summary>Calls <see cref="IStreamRelay.OnTurn"/> when the stream may send again.</summary>
    public void RequestTurn()
    {
        _relayWaits = true;
        WaitForTurn();
    }

    /// <summary>Sends END_STREAM: our direction has ended.</summary>
    public void EndOutput() => QueueEnd(trailers: null);

    private void TellTurn()
    {
        if (_relayWaits && IsWritable())
        {
            _relayWaits = false;
            _relay?.OnTurn();
        }
    }

    /// <summary>What the relay still sends, after the peer's direction has ended, will not be taken.</summary>
    private void TellLoss(IOException error)
    {
        if (!_endTold || _relay is not { } relay)
        {
            return;
        }

        _relay = null;
        if (IsBenign(error, ResetCode))
        {
            relay.OnEnd();
        }
        else
        {
            relay.OnFailed(error);
        }
    }

    private void TellEnd()
    {
        if (_remoteEnded && !_endTold && Unread == 0 && _relay is { } relay)
        {
            _endTold = true;
            relay.OnEnd();
        }
    }
}
