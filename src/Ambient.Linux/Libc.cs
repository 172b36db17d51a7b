using System.Runtime.InteropServices;
using Ambient.Linux.Faults;

namespace Ambient.Linux;

/// <summary>
/// The C library. Calls of the data path are function pointers that stay in cooperative mode
/// (<c>SuppressGCTransition</c>), so that <c>errno</c>, read in the same basic block, is still that of the call: the
/// transition back from native code may run the runtime's own system calls. They must only be used where they cannot block.
/// Everything else goes through <c>LibraryImport</c> with <c>SetLastError</c>.
/// </summary>
internal static unsafe partial class Libc
{
    private const string Library = "libc";

    public static readonly delegate* unmanaged[SuppressGCTransition]<int*> ErrnoLocation =
        (delegate* unmanaged[SuppressGCTransition]<int*>)Export("__errno_location");

    /// <summary>
    /// The error of the last call by <c>LibraryImport</c>. Read it before anything else is done, the making of a message included:
    /// the runtime's own calls overwrite it.
    /// </summary>
    public static Errno LastError => (Errno)Marshal.GetLastPInvokeError();

    public static int Close(int descriptor)
    {
        FaultInjection.Calls?.Closing(descriptor);
        return CloseItself(descriptor);
    }

    private static nint Export(string function) =>
        NativeLibrary.GetExport(NativeLibrary.Load(Library, typeof(Libc).Assembly, null), function);

    [LibraryImport(Library, EntryPoint = "close", SetLastError = true)]
    private static partial int CloseItself(int descriptor);

    [LibraryImport(Library, EntryPoint = "malloc_trim")]
    public static partial int MallocTrim(nuint keep);

    [LibraryImport(Library, EntryPoint = "fcntl", SetLastError = true)]
    public static partial int Fcntl(int descriptor, int command, nint argument);

    [LibraryImport(Library, EntryPoint = "pipe2", SetLastError = true)]
    public static partial int Pipe2(int* descriptors, int flags);

    [LibraryImport(Library, EntryPoint = "getrlimit", SetLastError = true)]
    public static partial int GetResourceLimit(int resource, ulong* softAndHard);

    [LibraryImport(Library, EntryPoint = "setrlimit", SetLastError = true)]
    public static partial int SetResourceLimit(int resource, ulong* softAndHard);

    [LibraryImport(Library, EntryPoint = "chmod", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int ChangeMode(string path, uint mode);

    [LibraryImport(Library, EntryPoint = "statx", SetLastError = true)]
    public static partial int Statx(int descriptor, byte* path, int flags, uint mask, byte* status);

    [LibraryImport(Library, EntryPoint = "ioctl", SetLastError = true)]
    public static partial int Ioctl(int descriptor, nuint request, nint argument);
}
