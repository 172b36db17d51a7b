using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Ambient.Linux;

/// <summary>
/// <c>struct epoll_event</c>: packed to 12 bytes on x86-64, 16 bytes with a gap elsewhere, so it is read through offsets.
/// </summary>
internal static unsafe class EpollEvent
{
    private static readonly bool _packed = RuntimeInformation.ProcessArchitecture == Architecture.X64;

    public static int Size => _packed ? 12 : 16;

    private static int DataOffset => _packed ? 4 : 8;

    public static void Write(byte* target, uint events, ulong data)
    {
        Unsafe.WriteUnaligned(target, events);
        Unsafe.WriteUnaligned(target + DataOffset, data);
    }

    public static uint Events(byte* source) => Unsafe.ReadUnaligned<uint>(source);

    public static ulong Data(byte* source) => Unsafe.ReadUnaligned<ulong>(source + DataOffset);
}
