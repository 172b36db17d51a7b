namespace Ambient.Sandbox.Runs;

/// <summary>
/// <c>/run/secrets</c>: pods share the machine's root file system, and the folder that their tokens are mounted over has to exist there.
/// It stays empty on the machine itself; the marker tells that a sandbox made it.
/// </summary>
internal static class SecretsMountPoint
{
    /// <summary>Where a container finds its tokens and certificates.</summary>
    public const string Path = "/run/secrets";

    private const string Marker = RunDirectory.Parent + "/.made-run-secrets";

    /// <summary>Makes the folder if it is missing and notes that.</summary>
    public static void Ensure()
    {
        if (!Directory.Exists(Path))
        {
            File.WriteAllText(Marker, Path + "\n");
            Directory.CreateDirectory(Path);
        }
    }

    /// <summary>Takes away what no sandbox needs any more, if a sandbox made it and nobody put anything in it.</summary>
    public static void RemoveIfLast()
    {
        if (!Directory.Exists(RunDirectory.Parent) || Directory.GetDirectories(RunDirectory.Parent).Length > 0)
        {
            return;
        }

        if (File.Exists(Marker) && Directory.Exists(Path) && !Directory.EnumerateFileSystemEntries(Path).Any())
        {
            Directory.Delete(Path);
        }

        File.Delete(Marker);
    }
}
