namespace Ambient.Hbone.Hpack;

/// <summary>A header block cannot be decoded; the compression state is lost, and with it the connection (RFC 7541 §2.3.3).</summary>
internal sealed class HpackException(string message) : Exception(message);
