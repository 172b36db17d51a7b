namespace Ambient.Linux;

/// <summary>Listens for <see cref="SeqPacketSocket"/>s on a path. From any thread; one accept at a time.</summary>
public sealed class SeqPacketListener : IDisposable
{
    /// <summary>Connections that the kernel holds: a proxy, its successor, and room for their retries.</summary>
    private const int Backlog = 16;

    private readonly SafeSocketDescriptor _socket;
    private readonly PacketReadiness _readiness;

    private SeqPacketListener(SafeSocketDescriptor socket, string path)
    {
        _socket = socket;
        _readiness = new PacketReadiness(socket);
        Path = path;
    }

    /// <summary>Where it listens.</summary>
    public string Path { get; }

    /// <summary>
    /// Listens on a path; a file that is in the way, as one of a crashed predecessor, is removed, its folder made.
    /// </summary>
    /// <param name="path">At most 107 bytes.</param>
    /// <param name="mode">Permissions of the file, as 0600 octal (384).</param>
    public static unsafe SeqPacketListener Bind(string path, UnixFileMode mode)
    {
        if (System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path)) is { } folder)
        {
            Directory.CreateDirectory(folder);
        }

        File.Delete(path);
        var made = Libc.Socket(Libc.FamilyUnix, Libc.TypeSeqPacket | Libc.NonBlockingCloseOnExec);
        if (!made.Ok)
        {
            throw new LinuxException(made.Error, "make a unix socket");
        }

        var socket = new SafeSocketDescriptor(made.Count);
        var name = stackalloc byte[UnixSocketPath.Size];
        // Permissions are set between bind and listen: until then nobody can connect.
        if (Libc.Bind(made.Count, name, UnixSocketPath.Write(name, path)) != 0
            || Libc.ChangeMode(path, (uint)mode) != 0
            || Libc.Listen(made.Count, Backlog) != 0)
        {
            var error = new LinuxException(Libc.LastError, $"listen on {path}");
            socket.Dispose();
            throw error;
        }

        return new SeqPacketListener(socket, path);
    }

    /// <summary>Takes the next connection.</summary>
    /// <exception cref="ObjectDisposedException">The listener was closed.</exception>
    public async ValueTask<SeqPacketSocket> AcceptAsync(CancellationToken cancellation = default)
    {
        while (true)
        {
            var readable = _readiness.Readable;
            if (TryAccept() is { } accepted)
            {
                return accepted;
            }

            await readable.WaitAsync(cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Stops listening and removes the file.</summary>
    public void Dispose()
    {
        File.Delete(Path);
        _readiness.Dispose();
    }

    private unsafe SeqPacketSocket? TryAccept()
    {
        using var use = _socket.Use();
        var accepted = Libc.Accept(use.Number, null, null);
        if (accepted.Ok)
        {
            return new SeqPacketSocket(accepted.Count);
        }

        return accepted.WouldBlock ? null : throw new LinuxException(accepted.Error, $"accept on {Path}");
    }
}
