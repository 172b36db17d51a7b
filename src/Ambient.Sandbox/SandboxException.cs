namespace Ambient.Sandbox;

/// <summary>Something the user of a sandbox can put right; the message says what and how.</summary>
public sealed class SandboxException(string message, Exception? inner = null) : Exception(message, inner);
