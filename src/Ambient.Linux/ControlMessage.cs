using System.Runtime.CompilerServices;
using Microsoft.Win32.SafeHandles;

namespace Ambient.Linux;

/// <summary>Control messages of unix sockets (<c>struct cmsghdr</c>, cmsg(3)): length, level, type, then descriptors.</summary>
internal static unsafe class ControlMessage
{
    private const int HeaderSize = 16;
    private const int SocketLevel = 1;
    private const int Rights = 1; // SCM_RIGHTS

    /// <summary>Room for one message with so many descriptors (CMSG_SPACE).</summary>
    public static int Space(int descriptors) => descriptors == 0 ? 0 : HeaderSize + Align(descriptors * sizeof(int));

    /// <returns>The length of the control area.</returns>
    public static int WriteDescriptors(byte* control, int* descriptors, int count)
    {
        Unsafe.WriteUnaligned(control, (nuint)(HeaderSize + (count * sizeof(int))));
        Unsafe.WriteUnaligned(control + 8, SocketLevel);
        Unsafe.WriteUnaligned(control + 12, Rights);
        Unsafe.CopyBlockUnaligned(control + HeaderSize, descriptors, (uint)(count * sizeof(int)));
        return Space(count);
    }

    public static IReadOnlyList<SafeFileHandle> ReadDescriptors(byte* control, int length)
    {
        List<SafeFileHandle>? found = null;
        for (var offset = 0; offset + HeaderSize <= length;)
        {
            var size = (int)Unsafe.ReadUnaligned<nuint>(control + offset);
            if (size < HeaderSize || offset + size > length)
            {
                break;
            }

            if (Unsafe.ReadUnaligned<int>(control + offset + 8) == SocketLevel
                && Unsafe.ReadUnaligned<int>(control + offset + 12) == Rights)
            {
                for (var at = offset + HeaderSize; at + sizeof(int) <= offset + size; at += sizeof(int))
                {
                    (found ??= []).Add(new SafeFileHandle(Unsafe.ReadUnaligned<int>(control + at), ownsHandle: true));
                }
            }

            offset += Align(size);
        }

        return found ?? (IReadOnlyList<SafeFileHandle>)[];
    }

    private static int Align(int length) => (length + 7) & ~7;
}
