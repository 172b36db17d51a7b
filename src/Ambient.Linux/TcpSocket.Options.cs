using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Ambient.Linux;

public sealed partial class TcpSocket
{
    private const int SocketLevel = 1;
    private const int IPLevel = 0;
    private const int IPv6Level = 41;
    private const int TcpLevel = 6;

    /// <summary>
    /// Where a redirected connection was going before a REDIRECT rule (SO_ORIGINAL_DST, IP6T_SO_ORIGINAL_DST). For a connection
    /// that was not redirected the kernel returns the local address if it tracks connections at all.
    /// </summary>
    /// <returns>False if the kernel does not track this connection.</returns>
    public unsafe bool TryGetOriginalDestination(out IPEndPoint destination)
    {
        const int OriginalDestination = 80;
        // A v4-mapped connection of a dual-stack listener was redirected by an IPv4 rule, and only that level knows it.
        var level = RemoteEndPoint.AddressFamily == AddressFamily.InterNetwork ? IPLevel : IPv6Level;
        var name = stackalloc byte[SocketAddressCodec.MaxSize];
        var length = SocketAddressCodec.MaxSize;
        if (Libc.GetOption(OpenDescriptor(), level, OriginalDestination, name, &length) != 0)
        {
            destination = LocalEndPoint;
            return false;
        }

        destination = SocketAddressCodec.Read(new ReadOnlySpan<byte>(name, length));
        return true;
    }

    /// <summary>
    /// Lets the socket bind to addresses that are not the machine's and take TPROXY connections (IP_TRANSPARENT and its
    /// IPv6 twin). Needs CAP_NET_ADMIN.
    /// </summary>
    public void SetTransparent() => SetBoth(19, 75, "IP_TRANSPARENT");

    /// <summary>Lets the socket bind to an address that does not exist yet (IP_FREEBIND, IPV6_FREEBIND).</summary>
    public void SetFreeBind() => SetBoth(15, 78, "IP_FREEBIND");

    /// <summary>
    /// Puts off choosing the local port of a bound address to connect, where one port serves many destinations
    /// (IP_BIND_ADDRESS_NO_PORT, for both families).
    /// </summary>
    public void SetBindAddressNoPort() => Set(IPLevel, 24, 1, "IP_BIND_ADDRESS_NO_PORT");

    /// <summary>Marks the socket's packets for the rules of its namespace (SO_MARK).</summary>
    public void SetMark(int mark) => Set(SocketLevel, 36, mark, "SO_MARK");

    /// <summary>Lets several listeners share an address (SO_REUSEPORT); all of them must set it, under one user.</summary>
    public void SetReusePort() => Set(SocketLevel, 15, 1, "SO_REUSEPORT");

    /// <summary>Lets a listener take an address that old connections still use (SO_REUSEADDR).</summary>
    public void SetReuseAddress() => Set(SocketLevel, 2, 1, "SO_REUSEADDR");

    /// <summary>Sends small segments at once (TCP_NODELAY).</summary>
    public void SetNoDelay() => Set(TcpLevel, 1, 1, "TCP_NODELAY");

    /// <summary>Asks a silent peer whether it lives.</summary>
    /// <param name="idle">Silence before the first probe; whole seconds, 1 to 32767.</param>
    /// <param name="interval">Time between probes; whole seconds, 1 to 32767.</param>
    /// <param name="probes">Unanswered probes that end the connection; 1 to 127.</param>
    public void SetKeepAlive(TimeSpan idle, TimeSpan interval, int probes)
    {
        Set(SocketLevel, 9, 1, "SO_KEEPALIVE");
        Set(TcpLevel, 4, (int)idle.TotalSeconds, "TCP_KEEPIDLE");
        Set(TcpLevel, 5, (int)interval.TotalSeconds, "TCP_KEEPINTVL");
        Set(TcpLevel, 6, probes, "TCP_KEEPCNT");
    }

    /// <summary>Ends the connection when sent data stays unacknowledged for so long; milliseconds, 0 means the kernel's default.</summary>
    public void SetUserTimeout(TimeSpan timeout) => Set(TcpLevel, 18, (int)timeout.TotalMilliseconds, "TCP_USER_TIMEOUT");

    /// <summary>Whether an IPv6 socket also carries IPv4 (the opposite of IPV6_V6ONLY). Before binding.</summary>
    public void SetDualStack(bool dualStack) => Set(IPv6Level, 26, dualStack ? 0 : 1, "IPV6_V6ONLY");

    /// <summary>Counts as writable only while less than so many bytes are unsent (TCP_NOTSENT_LOWAT).</summary>
    public void SetNotSentLowWater(int bytes) => Set(TcpLevel, 25, bytes, "TCP_NOTSENT_LOWAT");

    /// <summary>Fixes the sizes of the kernel's buffers and so ends their tuning; null leaves one alone. Bytes.</summary>
    public void SetBufferSizes(int? receive, int? send)
    {
        if (receive is { } receiveBytes)
        {
            Set(SocketLevel, 8, receiveBytes, "SO_RCVBUF");
        }

        if (send is { } sendBytes)
        {
            Set(SocketLevel, 7, sendBytes, "SO_SNDBUF");
        }
    }

    /// <summary>Chooses the congestion control, as <c>cubic</c> for legs that never leave the machine.</summary>
    /// <exception cref="LinuxException">The kernel does not have it.</exception>
    public unsafe void SetCongestionControl(string algorithm)
    {
        fixed (byte* name = Encoding.ASCII.GetBytes(algorithm))
        {
            if (Libc.SetOption(OpenDescriptor(), TcpLevel, 13, name, algorithm.Length) != 0)
            {
                throw new LinuxException(Libc.LastError, $"set TCP_CONGESTION to {algorithm}");
            }
        }
    }

    internal unsafe int GetOption(int level, int option)
    {
        int value;
        var length = sizeof(int);
        return Libc.GetOption(OpenDescriptor(), level, option, &value, &length) == 0
            ? value
            : throw new LinuxException(Libc.LastError, $"get option {level}/{option}");
    }

    /// <summary>An IPv6 socket needs the IPv4 option too, for the mapped connections that it carries.</summary>
    private void SetBoth(int option, int optionOfIPv6, string name)
    {
        Set(IPLevel, option, 1, name);
        if (_family == AddressFamily.InterNetworkV6)
        {
            Set(IPv6Level, optionOfIPv6, 1, name + " for IPv6");
        }
    }

    private unsafe void Set(int level, int option, int value, string name)
    {
        if (Libc.SetOption(OpenDescriptor(), level, option, &value, sizeof(int)) != 0)
        {
            throw new LinuxException(Libc.LastError, $"set {name} to {value}");
        }
    }
}
