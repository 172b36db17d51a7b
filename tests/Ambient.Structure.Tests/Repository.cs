using System.Xml.Linq;

namespace Ambient.Structure.Tests;

/// <summary>The checkout that this test was built from, read as files.</summary>
internal static class Repository
{
    /// <summary>The folder that holds the solution.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Every C# file below a top-level folder, build output left out.</summary>
    public static IEnumerable<SourceFile> Sources(string folder) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
            .Where(path => !path.Contains("/.artifacts/", StringComparison.Ordinal)
                && !path.Contains("/obj/", StringComparison.Ordinal))
            .Select(path => new SourceFile(Path.GetRelativePath(Root, path), File.ReadAllLines(path)));

    /// <summary>Every project below <c>src/</c> with the projects that it compiles against.</summary>
    public static IReadOnlyList<Project> Projects() =>
        [.. Directory.EnumerateFiles(Path.Combine(Root, "src"), "*.csproj", SearchOption.AllDirectories)
            .Select(Project.Read)
            .OrderBy(project => project.Name, StringComparer.Ordinal)];

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Ambient.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("No Ambient.sln above the test's own folder.");
    }
}

/// <summary>A source file, by its path below the root.</summary>
internal sealed record SourceFile(string Path, string[] Lines);

/// <summary>A project file: its name, whether it is a program, and the projects whose code it uses.</summary>
internal sealed record Project(string Name, bool IsProgram, IReadOnlyList<string> References)
{
    public static Project Read(string path)
    {
        var xml = XDocument.Load(path);
        var references = xml.Descendants("ProjectReference")
            .Where(reference => !IsBuildOrderOnly(reference))
            .Select(reference => System.IO.Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value));
        return new Project(
            System.IO.Path.GetFileNameWithoutExtension(path),
            xml.Descendants("OutputType").Any(type => type.Value == "Exe"),
            [.. references]);
    }

    /// <summary>A reference that only asks for the other project to be built uses none of its code.</summary>
    private static bool IsBuildOrderOnly(XElement reference) =>
        reference.Attribute("ReferenceOutputAssembly")?.Value == "false";
}
