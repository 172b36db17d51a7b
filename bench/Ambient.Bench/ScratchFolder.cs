namespace Ambient.Bench;

/// <summary>A folder for one run: keys, configurations. Gone with it.</summary>
internal sealed class ScratchFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("ambient-bench-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
