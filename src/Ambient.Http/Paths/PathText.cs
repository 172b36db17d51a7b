using System.Text;

namespace Ambient.Http.Paths;

/// <summary>Paths as text, for those who ask about a request that was not sent.</summary>
public static class PathText
{
    /// <summary>The one spelling of a path without query, or of the asterisk of OPTIONS; null where a server refuses it.</summary>
    public static string? Normalize(string path)
    {
        if (path == "*")
        {
            return path;
        }

        var bytes = Encoding.UTF8.GetBytes(path);
        var normal = new byte[bytes.Length];
        return PathNormalization.TryNormalize(bytes, normal, out var length) ? Encoding.ASCII.GetString(normal, 0, length) : null;
    }
}
