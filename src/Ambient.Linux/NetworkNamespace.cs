using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Ambient.Linux;

/// <summary>
/// Names a network namespace for as long as it exists: the device and inode of its file in <c>nsfs</c>. A closed
/// namespace's inode may be used again, so compare only while a handle is held.
/// </summary>
/// <param name="Device">Device number of <c>nsfs</c>.</param>
/// <param name="Inode">Inode number.</param>
public readonly record struct NamespaceId(ulong Device, ulong Inode)
{
    /// <inheritdoc/>
    public override string ToString() => $"net:[{Inode}]";
}

/// <summary>A handle of a network namespace. It keeps the namespace alive; sockets are made inside through it.</summary>
public sealed class NetworkNamespace : IDisposable
{
    private NetworkNamespace(SafeFileHandle handle, NamespaceId id)
    {
        Handle = handle;
        Id = id;
    }

    /// <summary>The open descriptor.</summary>
    public SafeFileHandle Handle { get; }

    /// <summary>Which namespace this is.</summary>
    public NamespaceId Id { get; }

    /// <summary>
    /// The namespace that this process started in. Every thread of the process lives there, except for the microseconds
    /// in which it makes a socket elsewhere.
    /// </summary>
    internal static NetworkNamespace Home { get; } = Open("/proc/self/ns/net");

    /// <summary>Opens a namespace by the path of its file, as <c>/var/run/netns/x</c> or <c>/proc/17/ns/net</c>.</summary>
    /// <exception cref="LinuxException">No such file, or it is not a network namespace.</exception>
    public static NetworkNamespace Open(string path)
    {
        SafeFileHandle handle;
        try
        {
            handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new LinuxException(Errno.ENOENT, $"open network namespace {path}");
        }
        catch (UnauthorizedAccessException)
        {
            throw new LinuxException(Errno.EACCES, $"open network namespace {path}");
        }

        return FromDescriptor(handle);
    }

    /// <summary>Takes over a descriptor, as one that was received over a unix socket.</summary>
    /// <exception cref="LinuxException">It is not a network namespace; it is closed then.</exception>
    public static unsafe NetworkNamespace FromDescriptor(SafeFileHandle descriptor)
    {
        const nuint GetNamespaceType = 0xb703; // NS_GET_NSTYPE, linux/nsfs.h
        const int CloneNewNetwork = 0x40000000;
        var number = (int)descriptor.DangerousGetHandle();
        if (Libc.Ioctl(number, GetNamespaceType, 0) != CloneNewNetwork)
        {
            descriptor.Dispose();
            throw new LinuxException(Errno.EINVAL, "take descriptor as network namespace");
        }

        const int EmptyPath = 0x1000; // AT_EMPTY_PATH
        const uint Inode = 0x100; // STATX_INO
        var status = stackalloc byte[256]; // struct statx, the same on every architecture
        byte nothing = 0;
        if (Libc.Statx(number, &nothing, EmptyPath, Inode, status) != 0)
        {
            var error = new LinuxException(Libc.LastError, "statx of a network namespace");
            descriptor.Dispose();
            throw error;
        }

        var inode = Unsafe.ReadUnaligned<ulong>(status + 0x20);
        var major = Unsafe.ReadUnaligned<uint>(status + 0x88);
        var minor = Unsafe.ReadUnaligned<uint>(status + 0x8c);
        return new NetworkNamespace(descriptor, new NamespaceId(((ulong)major << 32) | minor, inode));
    }

    /// <summary>The namespace that this process lives in, as a handle of its own.</summary>
    public static NetworkNamespace Current() => Open("/proc/self/ns/net");

    /// <summary>Another handle of the same namespace.</summary>
    public NetworkNamespace Duplicate()
    {
        const int DuplicateCloseOnExec = 1030; // F_DUPFD_CLOEXEC
        var copy = Libc.Fcntl(Descriptor, DuplicateCloseOnExec, 0);
        return copy >= 0
            ? new NetworkNamespace(new SafeFileHandle(copy, ownsHandle: true), Id)
            : throw new LinuxException(Libc.LastError, $"duplicate handle of {Id}");
    }

    /// <summary>
    /// Reads a small file as seen from inside, as <c>/proc/sys/net/ipv6/conf/lo/disable_ipv6</c>. Null if it does not exist.
    /// </summary>
    public string? ReadText(string path)
    {
        using var handle = OpenInside(path, flags: 0x80000);
        if (handle is null)
        {
            return null;
        }

        Span<byte> buffer = stackalloc byte[4096]; // a sysctl's value fits a page
        var length = RandomAccess.Read(handle, buffer, 0);
        return Encoding.UTF8.GetString(buffer[..length]);
    }

    /// <summary>Writes a sysctl as seen from inside.</summary>
    /// <exception cref="LinuxException">It does not exist, or refuses the value.</exception>
    public void WriteText(string path, string value)
    {
        const int WriteOnlyCloseOnExec = 0x80001;
        using var handle = OpenInside(path, WriteOnlyCloseOnExec)
            ?? throw new LinuxException(Errno.ENOENT, $"open {path} inside {Id}");
        RandomAccess.Write(handle, Encoding.UTF8.GetBytes(value), 0);
    }

    /// <summary>Makes a TCP socket inside, for those who wait on the thread pool and not on an event loop.</summary>
    /// <exception cref="LinuxException">The kernel gives none.</exception>
    public Socket CreateSocket(AddressFamily family) => new(new SafeSocketHandle(
        Socket(family == AddressFamily.InterNetworkV6 ? Libc.FamilyV6 : Libc.FamilyV4, Libc.TypeStream | Libc.CloseOnExec), ownsHandle: true));

    /// <inheritdoc/>
    public void Dispose() => Handle.Dispose();

    internal int Descriptor =>
        Handle.IsClosed ? throw new ObjectDisposedException($"network namespace {Id}") : (int)Handle.DangerousGetHandle();

    /// <summary>Makes a socket inside; throws with the reason.</summary>
    internal int Socket(int family, int type)
    {
        var taken = false;
        Handle.DangerousAddRef(ref taken);
        try
        {
            var made = Libc.SocketInside((int)Handle.DangerousGetHandle(), Home.Descriptor, family, type);
            return made.Ok ? made.Count : throw new LinuxException(made.Error, $"make a socket inside {Id}");
        }
        finally
        {
            Handle.DangerousRelease();
        }
    }

    private unsafe SafeFileHandle? OpenInside(string path, int flags)
    {
        fixed (byte* name = Encoding.UTF8.GetBytes(path + '\0'))
        {
            var opened = Libc.OpenInside(Descriptor, Home.Descriptor, name, flags);
            if (opened.Error == Errno.ENOENT)
            {
                return null;
            }

            return opened.Ok
                ? new SafeFileHandle(opened.Count, ownsHandle: true)
                : throw new LinuxException(opened.Error, $"open {path} inside {Id}");
        }
    }
}
