namespace Ambient.Linux;

internal static unsafe partial class Libc
{
    private const int NewNetworkNamespace = 0x40000000;

    private static readonly delegate* unmanaged[SuppressGCTransition]<int, int, int> _setns =
        (delegate* unmanaged[SuppressGCTransition]<int, int, int>)Export("setns");

    private static readonly delegate* unmanaged[SuppressGCTransition]<int, int, int, int> _socket =
        (delegate* unmanaged[SuppressGCTransition]<int, int, int, int>)Export("socket");

    private static readonly delegate* unmanaged[SuppressGCTransition]<byte*, int, int> _open =
        (delegate* unmanaged[SuppressGCTransition]<byte*, int, int>)Export("open");

    public static IoResult Socket(int family, int type)
    {
        var descriptor = _socket(family, type, 0);
        var error = Volatile.Read(ref *ErrnoLocation());
        return descriptor >= 0 ? new IoResult(descriptor, Errno.None) : new IoResult(0, (Errno)error);
    }

    /// <summary>
    /// Makes a socket inside another network namespace. A thread that is cloned while this one is inside would start
    /// inside too and stay there, so nothing managed happens between the two <c>setns</c>: every pointer is in a local
    /// before the first, and the calls stay in cooperative mode.
    /// </summary>
    public static IoResult SocketInside(int space, int home, int family, int type)
    {
        var setns = _setns;
        var socket = _socket;
        var errno = ErrnoLocation();

        var entered = setns(space, NewNetworkNamespace);
        var error = Volatile.Read(ref *errno);
        if (entered != 0)
        {
            return new IoResult(0, (Errno)error);
        }

        var descriptor = socket(family, type, 0);
        error = Volatile.Read(ref *errno);
        var left = setns(home, NewNetworkNamespace);
        if (left != 0)
        {
            FailInside();
        }

        return descriptor >= 0 ? new IoResult(descriptor, Errno.None) : new IoResult(0, (Errno)error);
    }

    /// <summary>Opens a file as seen from inside another network namespace, as those below <c>/proc/sys/net</c>.</summary>
    public static IoResult OpenInside(int space, int home, byte* path, int flags)
    {
        var setns = _setns;
        var open = _open;
        var errno = ErrnoLocation();

        var entered = setns(space, NewNetworkNamespace);
        var error = Volatile.Read(ref *errno);
        if (entered != 0)
        {
            return new IoResult(0, (Errno)error);
        }

        var descriptor = open(path, flags);
        error = Volatile.Read(ref *errno);
        var left = setns(home, NewNetworkNamespace);
        if (left != 0)
        {
            FailInside();
        }

        return descriptor >= 0 ? new IoResult(descriptor, Errno.None) : new IoResult(0, (Errno)error);
    }

    /// <summary>This thread, and every thread it would start, would open the pod's sockets in the node's name.</summary>
    private static void FailInside() =>
        Environment.FailFast("A thread could not return from a pod's network namespace to its own.");
}
