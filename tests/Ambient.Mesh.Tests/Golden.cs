namespace Ambient.Mesh.Tests;

/// <summary>Recordings beside the tests.</summary>
internal static class Golden
{
    public static string Path(string name) => System.IO.Path.Combine(AppContext.BaseDirectory, "Golden", name);

    public static string Text(string name) => File.ReadAllText(Path(name));
}
