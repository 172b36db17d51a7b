using System.Net.Sockets;

namespace Ambient.Linux.Tests;

/// <summary>Every option is set and read back from the kernel.</summary>
public sealed class TcpOptionsTests : IAsyncLifetime
{
    private readonly EventLoop _loop = EventLoop.Start("options");

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _loop.DisposeAsync().AsTask().WithinLimit();

    public static TheoryData<string, AddressFamily, int, int, int> Settings() => new()
    {
        { "transparent", AddressFamily.InterNetwork, 0, 19, 1 },
        { "transparent", AddressFamily.InterNetworkV6, 0, 19, 1 },
        { "transparent", AddressFamily.InterNetworkV6, 41, 75, 1 },
        { "free bind", AddressFamily.InterNetwork, 0, 15, 1 },
        { "free bind", AddressFamily.InterNetworkV6, 41, 78, 1 },
        { "no port", AddressFamily.InterNetwork, 0, 24, 1 },
        { "no port", AddressFamily.InterNetworkV6, 0, 24, 1 },
        { "mark", AddressFamily.InterNetwork, 1, 36, 0x539 },
        { "mark", AddressFamily.InterNetworkV6, 1, 36, 0x539 },
        { "reuse port", AddressFamily.InterNetwork, 1, 15, 1 },
        { "reuse address", AddressFamily.InterNetwork, 1, 2, 1 },
        { "no delay", AddressFamily.InterNetwork, 6, 1, 1 },
        { "keep alive", AddressFamily.InterNetwork, 1, 9, 1 },
        { "keep alive", AddressFamily.InterNetwork, 6, 4, 180 },
        { "keep alive", AddressFamily.InterNetwork, 6, 5, 75 },
        { "keep alive", AddressFamily.InterNetwork, 6, 6, 9 },
        { "user timeout", AddressFamily.InterNetwork, 6, 18, 12345 },
        { "dual stack", AddressFamily.InterNetworkV6, 41, 26, 0 },
        { "single stack", AddressFamily.InterNetworkV6, 41, 26, 1 },
        { "not sent", AddressFamily.InterNetwork, 6, 25, 131072 },
        { "buffers", AddressFamily.InterNetwork, 1, 8, 2 * 65536 }, // the kernel doubles both for its own needs
        { "buffers", AddressFamily.InterNetwork, 1, 7, 2 * 32768 },
    };

    [Theory]
    [MemberData(nameof(Settings))]
    public Task An_option_arrives_in_the_kernel(string setting, AddressFamily family, int level, int option, int expected) =>
        _loop.RunAsync(() =>
        {
            using var socket = TcpSocket.Create(_loop, family);
            Apply(setting, socket);
            Assert.Equal(expected, socket.GetOption(level, option));
            return Task.CompletedTask;
        }).WithinLimit();

    [Fact]
    public Task The_congestion_control_can_be_chosen_and_a_wrong_one_is_named() => _loop.RunAsync(() =>
    {
        using var socket = TcpSocket.Create(_loop, AddressFamily.InterNetwork);
        socket.SetCongestionControl("reno"); // built into every kernel
        var name = new byte[16];
        int length;
        unsafe
        {
            fixed (byte* start = name)
            {
                length = name.Length;
                Assert.Equal(0, Libc.GetOption(socket.Descriptor, 6, 13, start, &length));
            }
        }

        Assert.StartsWith("reno", System.Text.Encoding.ASCII.GetString(name), StringComparison.Ordinal);
        var error = Assert.Throws<LinuxException>(() => socket.SetCongestionControl("no-such"));
        Assert.Contains("no-such", error.Message, StringComparison.Ordinal);
        return Task.CompletedTask;
    }).WithinLimit();

    [Fact]
    public Task Listeners_share_an_address_only_if_all_of_them_agree() => _loop.RunAsync(() =>
    {
        using var first = Sockets.Listen(_loop, options: socket => socket.SetReusePort());
        using var second = Sockets.Listen(_loop, port: first.LocalEndPoint.Port, options: socket => socket.SetReusePort());
        var error = Assert.Throws<LinuxException>(() => Sockets.Listen(_loop, port: first.LocalEndPoint.Port));
        Assert.Equal(Errno.EADDRINUSE, error.Error);
        return Task.CompletedTask;
    }).WithinLimit();

    [Fact]
    public void The_limit_of_open_files_is_raised_to_the_hard_one()
    {
        var limit = OpenFileLimit.Raise();
        var line = File.ReadLines("/proc/self/limits").Single(text => text.StartsWith("Max open files", StringComparison.Ordinal));
        var fields = line["Max open files".Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(fields[1], fields[0]);
        Assert.Equal(fields[1], limit.ToString(System.Globalization.CultureInfo.InvariantCulture));
    }

    private static void Apply(string setting, TcpSocket socket)
    {
        switch (setting)
        {
            case "transparent": socket.SetTransparent(); break;
            case "free bind": socket.SetFreeBind(); break;
            case "no port": socket.SetBindAddressNoPort(); break;
            case "mark": socket.SetMark(0x539); break;
            case "reuse port": socket.SetReusePort(); break;
            case "reuse address": socket.SetReuseAddress(); break;
            case "no delay": socket.SetNoDelay(); break;
            case "keep alive": socket.SetKeepAlive(TimeSpan.FromSeconds(180), TimeSpan.FromSeconds(75), 9); break;
            case "user timeout": socket.SetUserTimeout(TimeSpan.FromMilliseconds(12345)); break;
            case "dual stack": socket.SetDualStack(true); break;
            case "single stack": socket.SetDualStack(false); break;
            case "not sent": socket.SetNotSentLowWater(131072); break;
            case "buffers": socket.SetBufferSizes(65536, 32768); break;
            default: throw new ArgumentException(setting);
        }
    }
}
