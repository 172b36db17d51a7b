namespace Ambient.Sandbox;

/// <summary>What a sandbox is to be.</summary>
public sealed record SandboxOptions
{
    /// <summary>Its name, part of every name it leaves on the machine; null for a random one. At most 8 letters and digits.</summary>
    public string? Name { get; init; }

    /// <summary>How many nodes, from 1 to 64 (the address plan's bound).</summary>
    public int Nodes { get; init; } = 2;

    /// <summary>Further images, each <c>NAME=PATH</c>.</summary>
    public IReadOnlyList<string> Images { get; init; } = [];

    /// <summary>Manifests to apply once the mesh runs: files, or folders of files.</summary>
    public IReadOnlyList<string> Manifests { get; init; } = [];

    /// <summary>Whether the mesh's components run; without them it is a plain cluster.</summary>
    public bool Mesh { get; init; } = true;

    /// <summary>How long components and manifests may take to become ready.</summary>
    public TimeSpan ReadyTimeout { get; init; } = TimeSpan.FromSeconds(60);
}
