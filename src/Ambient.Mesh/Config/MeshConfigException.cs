namespace Ambient.Mesh.Config;

/// <summary>A resource or a local configuration that cannot be taken; the message names the field and what it should hold.</summary>
public sealed class MeshConfigException(string message, Exception? inner = null) : Exception(message, inner);
