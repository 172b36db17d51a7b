namespace Ambient.Http.Http1;

/// <summary>The exchange that a body belongs to.</summary>
internal interface IBodyOwner
{
    /// <summary>Somebody wants the body for the first time.</summary>
    void OnBodyWanted();

    /// <summary>The whole body was read: what follows in the transport is the next message.</summary>
    void OnBodyRead();

    /// <summary>The reader was completed before the body's end.</summary>
    void OnBodyAbandoned();

    /// <summary>What arrives is no body as announced.</summary>
    void OnBodyFault(HttpException fault, Refusal? refusal);

    /// <summary>The whole body was written.</summary>
    void OnBodyWritten();

    /// <summary>The body we write cannot be ended properly.</summary>
    void OnBodyBroken();
}
