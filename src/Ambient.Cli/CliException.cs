namespace Ambient.Cli;

/// <summary>What the user can put right: the message names the place and the remedy, and is all that is printed.</summary>
internal sealed class CliException(string message, Exception? inner = null) : Exception(message, inner);
