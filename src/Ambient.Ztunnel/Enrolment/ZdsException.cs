namespace Ambient.Ztunnel.Enrolment;

/// <summary>A message of the node agent that cannot be followed; the message goes back to it in the Ack.</summary>
internal sealed class ZdsException(string message, bool endsStream = false, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>The two ends no longer understand each other: the stream ends and a new one begins.</summary>
    public bool EndsStream { get; } = endsStream;
}
