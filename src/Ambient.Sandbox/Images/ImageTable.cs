namespace Ambient.Sandbox.Images;

/// <summary>What an image's containers start: a program and its first arguments.</summary>
public sealed record Image(string Program, IReadOnlyList<string> Arguments);

/// <summary>
/// Images by name. A sandbox pulls nothing: a name is a program of this machine. Tags and digests are ignored, so that manifests of real
/// clusters work unchanged.
/// </summary>
public sealed class ImageTable
{
    private readonly Dictionary<string, Image> _images = new(StringComparer.Ordinal);

    /// <summary>The built-in images, and those named on the command line (<c>NAME=PATH</c>).</summary>
    /// <exception cref="SandboxException">An entry is malformed, or its program does not exist.</exception>
    public ImageTable(IEnumerable<string> named)
    {
        Add("ambient/echo", Programs.Cli, "echo");
        Add("ambient/ztunnel", Programs.Ztunnel);
        Add("ambient/waypoint", Programs.Waypoint);
        Add("ambient/cni", Programs.NodeAgent);
        Add("ambient/istiod", Programs.ControlPlane);
        foreach (var entry in named)
        {
            AddNamed(entry);
        }
    }

    /// <summary>The image of a container.</summary>
    /// <param name="reference">As a manifest names it: with or without registry, tag and digest.</param>
    /// <param name="hasCommand">Whether the container names its own command; then any image will do, since pods share the machine's files.</param>
    /// <exception cref="SandboxException">The table does not have it.</exception>
    public Image Find(string reference, bool hasCommand)
    {
        var name = NameOf(reference);
        if (_images.GetValueOrDefault(name) is { } image)
        {
            return image;
        }

        // A manifest of a mirror: registry.example/team/ambient/echo.
        var known = _images.Keys.FirstOrDefault(candidate => name.EndsWith("/" + candidate, StringComparison.Ordinal));
        if (known is not null)
        {
            return _images[known];
        }

        return hasCommand
            ? new Image("", [])
            : throw new SandboxException($"Image {reference} is not in the sandbox's table ({string.Join(", ", _images.Keys.Order())}). Start the sandbox with --image {name}=PATH, or give the container a command.");
    }

    private void AddNamed(string entry)
    {
        var at = entry.IndexOf('=', StringComparison.Ordinal);
        if (at <= 0 || at == entry.Length - 1)
        {
            throw new SandboxException($"--image {entry}: write NAME=PATH, for example --image example/app=/usr/local/bin/app.");
        }

        var path = Path.GetFullPath(entry[(at + 1)..]);
        if (!File.Exists(path))
        {
            throw new SandboxException($"--image {entry}: {path} does not exist. Give the path of an executable file.");
        }

        if ((File.GetUnixFileMode(path) & (UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute)) == 0)
        {
            throw new SandboxException($"--image {entry}: {path} is not executable. Run chmod +x {path}.");
        }

        _images[NameOf(entry[..at])] = new Image(path, []);
    }

    private void Add(string name, string program, params string[] arguments) => _images[name] = new Image(program, arguments);

    /// <summary>The reference without digest, tag, and Docker Hub's implied parts.</summary>
    private static string NameOf(string reference)
    {
        var name = reference.Split('@')[0];
        var tag = name.LastIndexOf(':');
        if (tag > name.LastIndexOf('/'))
        {
            name = name[..tag];
        }

        return name.StartsWith("docker.io/", StringComparison.Ordinal) ? name["docker.io/".Length..] : name;
    }
}
