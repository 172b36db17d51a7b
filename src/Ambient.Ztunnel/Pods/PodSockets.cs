using System.Net;
using System.Net.Sockets;
using Ambient.Linux;
using Ambient.Ztunnel.Configuration;

namespace Ambient.Ztunnel.Pods;

/// <summary>Makes the proxy's sockets in a pod's network namespace: marked, so that the capture rules let them pass.</summary>
internal sealed class PodSockets(ZtunnelConfiguration configuration, NetworkNamespace? space)
{
    /// <summary>The kernel's answer to options that need CAP_NET_ADMIN.</summary>
    private const Errno NotPermitted = Errno.EPERM;

    /// <summary>Listens on a port of every address of the pod.</summary>
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

            if (configuration.InpodPortReuse)
            {
                socket.SetReusePort();
            }

            socket.SetReuseAddress();
            TrySetTransparent(socket);
            socket.Bind(new IPEndPoint(family == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any, port));
            socket.Listen(DataPlane.Backlog);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Connects from the pod; the kernel chooses the source address.</summary>
    public Task<TcpSocket> ConnectAsync(EventLoop loop, IPEndPoint destination) => ConnectAsync(loop, destination, null);

    /// <summary>Connects to the pod's application with a client's own address as source, where that is possible.</summary>
    /// <param name="loop">The loop that will own the socket.</param>
    /// <param name="destination">The application.</param>
    /// <param name="source">The client's address; null for any.</param>
    /// <exception cref="LinuxException">The kernel's reason.</exception>
    /// <exception cref="TimeoutException">No answer in time.</exception>
    public async Task<TcpSocket> ConnectAsync(EventLoop loop, IPEndPoint destination, IPAddress? source)
    {
        var socket = TcpSocket.Create(loop, destination.AddressFamily, space);
        try
        {
            Mark(socket);
            socket.SetNoDelay();
            KeepAlive(socket);
            if (source is not null && source.AddressFamily == destination.AddressFamily && !source.Equals(destination.Address)
                && configuration.KeepSourceAddress != false)
            {
                BindTo(socket, source);
            }

            await socket.ConnectAsync(destination, DataPlane.ConnectTimeout);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Sets up a connection that was accepted from an application.</summary>
    public void Prepare(TcpSocket accepted)
    {
        accepted.SetNoDelay();
        KeepAlive(accepted);
    }

    private bool UsesIPv6 => configuration.IPv6 && Socket.OSSupportsIPv6;

    private void BindTo(TcpSocket socket, IPAddress source)
    {
        try
        {
            socket.SetTransparent();
            socket.SetFreeBind();
            socket.SetBindAddressNoPort();
            socket.Bind(new IPEndPoint(source, 0));
        }
        catch (LinuxException) when (configuration.KeepSourceAddress is null)
        {
            // Asked for where possible only: the connection goes on from the pod's own address.
        }
    }

    private void TrySetTransparent(TcpSocket socket)
    {
        if (configuration.KeepSourceAddress == false)
        {
            return;
        }

        try
        {
            socket.SetTransparent();
        }
        catch (LinuxException failure) when (failure.Error == NotPermitted && configuration.KeepSourceAddress is null)
        {
            // Without the capability the rules have to be REDIRECT rules, which is what the node agent installs.
        }
    }

    private void Mark(TcpSocket socket)
    {
        if (configuration.PacketMark is { } mark)
        {
            socket.SetMark(mark);
        }
    }

    private void KeepAlive(TcpSocket socket)
    {
        if (configuration.KeepAlive is not { } keepAlive)
        {
            return;
        }

        socket.SetKeepAlive(keepAlive.Idle, keepAlive.Interval, keepAlive.Probes);
        if (configuration.UserTimeout)
        {
            socket.SetUserTimeout(keepAlive.Idle + (keepAlive.Interval * keepAlive.Probes));
        }
    }
}
