using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;

namespace Ambient.Linux.Tests;

/// <summary>Sockets of one process in several network namespaces, joined by a veth pair and steered by rules.</summary>
public sealed class NetworkNamespaceTests(TestNetwork network) : IClassFixture<TestNetwork>, IAsyncLifetime
{
    private const int Mark = 0x539;

    private readonly EventLoop _loop = EventLoop.Start("namespaces");

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _loop.DisposeAsync().AsTask().WithinLimit();

    private Task On(Func<Task> test) => _loop.RunAsync(test).WithinLimit();

    [Fact]
    public Task A_socket_lives_in_the_namespace_that_it_was_made_in() => On(() =>
    {
        using var current = NetworkNamespace.Current();
        Assert.NotEqual(network.A.Id, network.B.Id);
        Assert.NotEqual(network.A.Id, current.Id);
        foreach (var family in new[] { AddressFamily.InterNetwork, AddressFamily.InterNetworkV6 })
        {
            using var inA = TcpSocket.Create(_loop, family, network.A);
            using var inB = TcpSocket.Create(_loop, family, network.B);
            using var here = TcpSocket.Create(_loop, family);
            Assert.Equal(network.A.Id, NamespaceOf(inA));
            Assert.Equal(network.B.Id, NamespaceOf(inB));
            Assert.Equal(current.Id, NamespaceOf(here));
        }

        return Task.CompletedTask;
    });

    [Fact]
    public void What_is_no_network_namespace_is_refused()
    {
        Assert.Equal(Errno.ENOENT, Assert.Throws<LinuxException>(() => NetworkNamespace.Open("/no/such/namespace")).Error);
        Assert.Equal(Errno.EINVAL, Assert.Throws<LinuxException>(() => NetworkNamespace.Open("/dev/null")).Error);
        Assert.Equal(Errno.EINVAL, Assert.Throws<LinuxException>(() => NetworkNamespace.Open("/proc/self/ns/uts")).Error);
    }

    [Fact]
    public async Task A_handle_outlives_the_name_and_a_closed_one_says_so()
    {
        var copy = network.A.Duplicate();
        Assert.Equal(network.A.Id, copy.Id);
        copy.Dispose();
        await On(() =>
        {
            Assert.Throws<ObjectDisposedException>(() => TcpSocket.Create(_loop, AddressFamily.InterNetwork, copy));
            using var alive = TcpSocket.Create(_loop, AddressFamily.InterNetwork, network.A);
            return Task.CompletedTask;
        });
    }

    [Theory]
    [InlineData("10.77.0.1", "10.77.0.2")]
    [InlineData("fd77::1", "fd77::2")]
    public Task Two_namespaces_talk_through_sockets_of_one_loop(string from, string to) => On(async () =>
    {
        using var listener = Sockets.Listen(_loop, to, 0, network.B);
        using var client = await Sockets.ConnectAsync(_loop, listener.LocalEndPoint, network.A);
        using var server = await listener.AcceptAsync();
        Assert.Equal(network.B.Id, NamespaceOf(server));
        Assert.Equal(IPAddress.Parse(from), server.RemoteEndPoint.Address);
        var data = Sockets.Pattern(300_000);
        var sending = Sockets.SendAllAsync(client, data);
        Assert.Equal(data, await Sockets.ReadExactlyAsync(server, data.Length));
        await sending;
    });

    [Theory]
    [InlineData("10.77.0.2")]
    [InlineData("fd77::2")]
    public Task Silence_ends_in_a_timeout_and_a_token_ends_it_sooner(string address) => On(async () =>
    {
        // A reserved neighbour of the subnet never answers.
        var nobody = IPEndPoint.Parse(address.Contains(':', StringComparison.Ordinal) ? "[fd77::99]:80" : "10.77.0.99:80");
        using var client = TcpSocket.Create(_loop, nobody.AddressFamily, network.A);
        var watch = Stopwatch.StartNew();
        var error = await Assert.ThrowsAsync<TimeoutException>(
            async () => await client.ConnectAsync(nobody, TimeSpan.FromMilliseconds(150)));
        Assert.InRange(watch.ElapsedMilliseconds, 150, 5000);
        Assert.Equal($"connect {nobody}: no answer within 0.15 s", error.Message);

        using var second = TcpSocket.Create(_loop, nobody.AddressFamily, network.A);
        using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await second.ConnectAsync(nobody, Bounded.Limit, cancellation.Token));
    });

    [Fact]
    public async Task A_redirected_connection_tells_where_it_was_going()
    {
        await NetworkCommand.NftAsync(network.A, """
            table inet redirect_test {
              chain output {
                type nat hook output priority -100;
                tcp dport 81 meta mark & 0xfff != 0x539 redirect to :15001
              }
            }
            """);
        try
        {
            await On(async () =>
            {
                using var dual = Sockets.Listen(_loop, "::", 15001, network.A, socket => socket.SetDualStack(true));
                foreach (var text in new[] { "10.77.0.2:81", "[fd77::2]:81" })
                {
                    var target = IPEndPoint.Parse(text);
                    using var client = await Sockets.ConnectAsync(_loop, target, network.A);
                    using var server = await dual.AcceptAsync();
                    Assert.True(server.TryGetOriginalDestination(out var destination));
                    Assert.Equal(target, destination);
                    Assert.Equal(15001, server.LocalEndPoint.Port);

                    // Our own mark passes the rule: the connection goes to B itself, where nobody listens.
                    var error = await Assert.ThrowsAsync<LinuxException>(() =>
                        Sockets.ConnectAsync(_loop, target, network.A, socket => socket.SetMark(Mark)));
                    Assert.Equal(Errno.ECONNREFUSED, error.Error);
                }
            });
            await On(async () =>
            {
                using var plain = Sockets.Listen(_loop, "0.0.0.0", 15001, network.A);
                using var client = await Sockets.ConnectAsync(_loop, IPEndPoint.Parse("10.77.0.2:81"), network.A);
                using var server = await plain.AcceptAsync();
                Assert.True(server.TryGetOriginalDestination(out var destination));
                Assert.Equal(IPEndPoint.Parse("10.77.0.2:81"), destination);
            });
        }
        finally
        {
            await NetworkCommand.NftAsync(network.A, "delete table inet redirect_test");
        }
    }

    [Theory]
    [InlineData("10.77.0.1", "10.77.0.2", "0.0.0.0/0", "-4", "ip")]
    [InlineData("fd77::1", "fd77::2", "::/0", "-6", "ip6")]
    public async Task A_proxy_answers_and_dials_in_the_clients_name(string from, string to, string everything, string version, string family)
    {
        // As a pod is set up: TPROXY or mark sends packets to the local table, spoofed replies find back by the connection mark.
        await NetworkCommand.IpAsync(network.B, [version, "rule", "add", "fwmark", "0x111/0xfff", "lookup", "100", "priority", "100"]);
        await NetworkCommand.IpAsync(network.B, [version, "route", "add", "local", everything, "dev", "lo", "table", "100"]);
        await NetworkCommand.NftAsync(network.B, $$"""
            table {{family}} tproxy_test {
              chain prerouting {
                type filter hook prerouting priority -150;
                meta mark & 0xfff == 0x539 ct mark set 0x111
                iifname veth0 tcp dport 8080 socket transparent 1 meta mark set 0x111 accept
                iifname veth0 tcp dport 8080 tproxy to :15006 meta mark set 0x111 accept
              }
              chain output {
                type route hook output priority -150;
                ct mark 0x111 meta mark set ct mark
              }
            }
            """);
        try
        {
            await On(async () =>
            {
                var any = to.Contains(':', StringComparison.Ordinal) ? "::" : "0.0.0.0";
                using var proxy = Sockets.Listen(_loop, any, 15006, network.B, socket => socket.SetTransparent());
                using var app = Sockets.Listen(_loop, any, 8080, network.B);
                var target = new IPEndPoint(IPAddress.Parse(to), 8080);
                using var client = await Sockets.ConnectAsync(_loop, target, network.A);
                using var captured = await proxy.AcceptAsync();
                Assert.Equal(target, captured.LocalEndPoint);
                Assert.Equal(client.LocalEndPoint, captured.RemoteEndPoint);

                using var upstream = TcpSocket.Create(_loop, target.AddressFamily, network.B);
                upstream.SetMark(Mark);
                upstream.SetTransparent();
                upstream.SetBindAddressNoPort();
                upstream.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
                await upstream.ConnectAsync(target, Bounded.Limit);
                using var served = await app.AcceptAsync();
                Assert.Equal(IPAddress.Parse(from), served.RemoteEndPoint.Address);

                var data = Sockets.Pattern(100_000);
                var sending = Sockets.SendAllAsync(client, data);
                var up = Splice.PumpAsync(captured, upstream, new SpliceCounter());
                Assert.Equal(data, await Sockets.ReadExactlyAsync(served, data.Length));
                await sending;
                client.ShutdownSend();
                Assert.True((await up).IsClean);
            });
        }
        finally
        {
            await NetworkCommand.NftAsync(network.B, $"delete table {family} tproxy_test");
            await NetworkCommand.IpAsync(network.B, [version, "rule", "del", "priority", "100"]);
            await NetworkCommand.IpAsync(network.B, [version, "route", "flush", "table", "100"]);
        }
    }

    [Fact]
    public async Task Sysctls_are_read_and_written_as_the_namespace_sees_them()
    {
        const string Path = "/proc/sys/net/ipv4/ip_default_ttl";
        var other = network.B.ReadText(Path);
        network.A.WriteText(Path, "77");
        Assert.Equal("77\n", network.A.ReadText(Path));
        Assert.Equal(other, network.B.ReadText(Path));
        Assert.Null(network.A.ReadText("/proc/sys/net/ipv4/no_such"));
        Assert.Throws<LinuxException>(() => network.A.WriteText("/proc/sys/net/ipv4/no_such", "1"));
        var seen = await NetworkCommand.RunAsync(network.A, ["cat", Path]);
        Assert.Equal("77\n", seen.Output);
    }

    private static NamespaceId NamespaceOf(TcpSocket socket)
    {
        const nuint GetSocketNamespace = 0x894C; // SIOCGSKNS
        var descriptor = Libc.Ioctl(socket.Descriptor, GetSocketNamespace, 0);
        Assert.True(descriptor >= 0);
        using var space = NetworkNamespace.FromDescriptor(new SafeFileHandle(descriptor, ownsHandle: true));
        return space.Id;
    }
}
