using System.Text;

namespace Ambient.Linux;

/// <summary><c>struct sockaddr_un</c> with a path.</summary>
internal static unsafe class UnixSocketPath
{
    /// <summary>The family and 108 bytes of path with its terminator (unix(7)).</summary>
    public const int Size = 2 + 108;

    public static int Write(byte* target, string path)
    {
        var length = Encoding.UTF8.GetByteCount(path);
        if (length is 0 or > 107)
        {
            throw new ArgumentException(
                $"Unix socket path '{path}' has {length} bytes; the kernel takes 1 to 107. Choose a shorter folder.", nameof(path));
        }

        new Span<byte>(target, Size).Clear();
        target[0] = Libc.FamilyUnix;
        Encoding.UTF8.GetBytes(path, new Span<byte>(target + 2, 107));
        return 2 + length + 1;
    }
}
