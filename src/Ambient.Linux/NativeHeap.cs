namespace Ambient.Linux;

/// <summary>The C library's heap, which OpenSSL allocates from.</summary>
public static class NativeHeap
{
    /// <summary>Returns free pages of it to the kernel (malloc_trim). Takes each arena's lock for as long as that needs.</summary>
    public static void GiveBack() => _ = Libc.MallocTrim(0);
}
