using System.Text.Json.Nodes;
using Ambient.Kubernetes;
using Ambient.Sandbox.Images;
using Ambient.Sandbox.Network;

namespace Ambient.Sandbox;

/// <summary>What can be known to be wrong before anything is made.</summary>
internal static class SandboxChecks
{
    private const int LongestName = 8;

    /// <summary>Checks rights, tools, programs and options.</summary>
    /// <exception cref="SandboxException">Names what is wrong and the remedy.</exception>
    public static void Check(SandboxOptions options)
    {
        if (!Environment.IsPrivilegedProcess)
        {
            throw new SandboxException("A sandbox makes network namespaces and needs root. Run it as root, for example with sudo.");
        }

        if (options.Name is { } name && (name.Length is 0 or > LongestName || !name.All(char.IsAsciiLetterOrDigit)))
        {
            throw new SandboxException($"--name {name}: use 1 to {LongestName} letters and digits; the name becomes part of link names, which hold 15 bytes.");
        }

        if (options.Nodes is < 1 or > AddressPlan.MostNodes)
        {
            throw new SandboxException($"--nodes {options.Nodes}: use a number from 1 to {AddressPlan.MostNodes}.");
        }

        var missing = Prerequisites.Missing(forDemo: false);
        if (missing.Count > 0)
        {
            throw new SandboxException($"Missing on this machine: {string.Join(' ', missing)}. Run again with --install, or: apt-get install {string.Join(' ', missing)}.");
        }

        if (options.Mesh && Programs.Missing() is { Count: > 0 } programs)
        {
            throw new SandboxException($"Programs of the mesh are not built: {string.Join(", ", programs)}. Build them: dotnet build Ambient.sln.");
        }
    }

    /// <summary>Reads manifests of a file or a folder.</summary>
    /// <exception cref="SandboxException">It does not exist or is not YAML; names file and place.</exception>
    public static IReadOnlyList<JsonObject> Load(string path)
    {
        try
        {
            return Manifests.Load(path);
        }
        catch (Exception e) when (e is IOException or FormatException or UnauthorizedAccessException)
        {
            throw new SandboxException($"-f {path}: {e.Message}", e);
        }
    }
}
