using System.Net;
using System.Net.Sockets;
using Ambient.Linux;
using Ambient.Ztunnel.Tests.Support;

namespace Ambient.Ztunnel.Tests.Paths;

/// <summary>A reset from a client's address, for which the kernel answers no questions.</summary>
[Trait("Faults", "Off")] // one send, and what becomes of it
public sealed class ResetTests
{
    [Fact]
    public async Task A_reset_arrives_although_bytes_before_it_were_lost()
    {
        using var network = new TestNetwork();
        var pod = network.AddPod(2, captured: true);
        await using var loop = EventLoop.Start("reset-test");
        await loop.RunAsync(async () =>
        {
            using var listener = TcpSocket.Create(loop, AddressFamily.InterNetwork, pod.Space);
            listener.Bind(new IPEndPoint(IPAddress.Any, 7001));
            listener.Listen(1);
            using var proxy = TcpSocket.Create(loop, AddressFamily.InterNetwork, pod.Space);
            proxy.SetMark(0x539);
            proxy.SetTransparent();
            proxy.Bind(IPEndPoint.Parse("10.203.0.1:0"));
            await proxy.ConnectAsync(IPEndPoint.Parse("10.203.0.2:7001"), TimeSpan.FromSeconds(5));
            using var application = await listener.AcceptAsync();
            Assert.Equal("10.203.0.1", application.RemoteEndPoint.Address.ToString());

            TestNetwork.Rules(pod, "table ip lossy { chain input { type filter hook input priority 0; tcp dport 7001 ip length > 52 drop; }; }");
            Assert.Equal(1, proxy.TrySend("x"u8).Count);
            TestNetwork.Rules(pod, "delete table ip lossy");
            proxy.Abort();
            Assert.True(proxy.IsClosed);
            await Assert.ThrowsAsync<LinuxException>(() => Applications.ReceiveAsync(application, 2));
        }).WaitAsync(TimeSpan.FromSeconds(10));
    }
}
