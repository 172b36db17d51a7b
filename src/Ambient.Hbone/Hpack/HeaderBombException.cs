namespace Ambient.Hbone.Hpack;

/// <summary>A header block unfolds to far more than its sender was told to keep to.</summary>
internal sealed class HeaderBombException(string message) : Exception(message);
