namespace Ambient.Linux;

/// <summary>Work that waits until a loop's turn is over, as sending what the turn's events have produced.</summary>
public interface IEndOfTurn
{
    /// <summary>Called once for each time it was asked for, on the loop.</summary>
    void EndOfTurn();
}

/// <summary>Receives the readiness of one descriptor, on the loop.</summary>
internal interface IEpollTarget
{
    void OnReady(uint events);

    /// <summary>The loop ends: let go of everything and wake whoever waits.</summary>
    void OnLoopEnding();
}
