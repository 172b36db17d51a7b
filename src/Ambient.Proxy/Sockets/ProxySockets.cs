using System.Net;
using System.Net.Sockets;
using Ambient.Linux;
using Ambient.Proxy.Configuration;

namespace Ambient.Proxy.Sockets;

/// <summary>Makes a proxy's sockets, in a pod's network namespace or in its own (null); marked, where capture rules are to let them pass.</summary>
public sealed class ProxySockets(SocketSettings settings, NetworkNamespace? space)
{
    /// <summary>The kernel's answer to options that need CAP_NET_ADMIN.</summary>
    private const Errno NotPermitted = Errno.EPERM;

    /// <summary>For a TCP connect to anything, as ztunnel has it.</summary>
    public static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);

    /// <summary>Connections that wait to be accepted: a burst of a second at a thousand a second; the kernel caps it at net.core.somaxconn.</summary>
    private const int Backlog = 1024;

    private readonly Dictionary<int, ListenerGroup> _groups = [];

    /// <summary>Listens on a port of every address of the pod; the loops that do share its connections evenly. One loop after the other. What it accepts has no delay and keeps alive: the kernel hands options on.</summary>
    /// <exception cref="LinuxException">The port is taken, or the proxy lacks a capability.</exception>
    public TcpSocket Listen(EventLoop loop, int port)
    {
        var family = UsesIPv6 ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork;
        var socket = TcpSocket.Create(loop, family, space);
        try
        {
            Mark(socket);
            if (family == AddressFamily.InterNetworkV6)
            {
                socket.SetDualStack(true);
            }

            if (settings.ReusePort)
            {
                socket.SetReusePort();
            }

            socket.SetReuseAddress();
            TrySetTransparent(socket);
            Prepare(socket);
            socket.Bind(new IPEndPoint(family == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any, port));
            socket.Listen(Backlog);
            GroupOf(port).Add(socket);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Connects from the pod; the kernel chooses the source address.</summary>
    public ValueTask<TcpSocket> ConnectAsync(EventLoop loop, IPEndPoint destination) => ConnectAsync(loop, destination, null);

    /// <summary>Connects to the pod's application with a client's own address as source, where that is possible.</summary>
    /// <param name="loop">The loop that will own the socket.</param>
    /// <param name="destination">The application.</param>
    /// <param name="source">The client's address; null for any.</param>
    /// <exception cref="LinuxException">The kernel's reason.</exception>
    /// <exception cref="TimeoutException">No answer in time.</exception>
    public async ValueTask<TcpSocket> ConnectAsync(EventLoop loop, IPEndPoint destination, IPAddress? source)
    {
        var socket = TcpSocket.Create(loop, destination.AddressFamily, space);
        try
        {
            Mark(socket);
            Prepare(socket);
            if (source is not null && source.AddressFamily == destination.AddressFamily && !source.Equals(destination.Address)
                && settings.KeepSourceAddress != false)
            {
                BindTo(socket, source);
            }

            await socket.ConnectAsync(destination, ConnectTimeout);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private ListenerGroup GroupOf(int port)
    {
        if (!_groups.TryGetValue(port, out var group))
        {
            _groups.Add(port, group = new ListenerGroup());
        }

        return group;
    }

    private void Prepare(TcpSocket socket)
    {
        socket.SetNoDelay();
        KeepAlive(socket);
    }

    private bool UsesIPv6 => settings.IPv6 && Socket.OSSupportsIPv6;

    private void BindTo(TcpSocket socket, IPAddress source)
    {
        try
        {
            socket.SetTransparent(); // allows foreign addresses by itself
            socket.SetBindAddressNoPort();
            socket.Bind(new IPEndPoint(source, 0));
        }
        catch (LinuxException) when (settings.KeepSourceAddress is null)
        {
            // Asked for where possible only: the connection goes on from the pod's own address.
        }
    }

    private void TrySetTransparent(TcpSocket socket)
    {
        if (settings.KeepSourceAddress == false)
        {
            return;
        }

        try
        {
            socket.SetTransparent();
        }
        catch (LinuxException failure) when (failure.Error == NotPermitted && settings.KeepSourceAddress is null)
        {
            // Without the capability the rules have to be REDIRECT rules, which is what the node agent installs.
        }
    }

    private void Mark(TcpSocket socket)
    {
        if (settings.PacketMark is { } mark)
        {
            socket.SetMark(mark);
        }
    }

    private void KeepAlive(TcpSocket socket)
    {
        if (settings.KeepAlive is not { } keepAlive)
        {
            return;
        }

        socket.SetKeepAlive(keepAlive.Idle, keepAlive.Interval, keepAlive.Probes);
        if (settings.UserTimeout)
        {
            socket.SetUserTimeout(keepAlive.Idle + (keepAlive.Interval * keepAlive.Probes));
        }
    }
}
