using System.Net;
using System.Net.Sockets;
using Ambient.Linux.Faults;

namespace Ambient.Linux.Tests.Faults;

/// <summary>That a call goes wrong as planned, and that the kernel tells again of what a fault hid.</summary>
[Trait("Faults", "Off")]
public sealed unsafe class FaultyCallsTests : IDisposable
{
    private readonly int _epoll = Libc.EpollCreate();
    private readonly Socket _near;
    private readonly Socket _far;

    public FaultyCallsTests()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        _near = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        _near.Connect(listener.LocalEndPoint!);
        _far = listener.Accept();
    }

    private int Descriptor => (int)_near.Handle;

    public void Dispose()
    {
        _near.Dispose();
        _far.Dispose();
        Assert.Equal(0, Libc.Close(_epoll));
    }

    [Fact]
    public void A_cut_call_moves_less_and_readiness_is_told_again_at_once()
    {
        var calls = Watched("segment=1");
        _far.Send(new byte[1000]);
        Assert.Equal(Libc.EpollIn, Events(calls, 1000) & Libc.EpollIn);
        Assert.Equal(0u, Events(calls, 0));
        var lengths = new List<int>();
        for (var call = 0; call < 200; call++)
        {
            var length = 1000;
            Assert.False(calls.Stalls("recv", Descriptor, ref length));
            lengths.Add(length);
            Assert.Equal(Libc.EpollIn, Events(calls, 1000) & Libc.EpollIn);
        }

        Assert.InRange(lengths.Min(), 1, 3);
        Assert.InRange(lengths.Max(), 500, 1000);
    }

    [Fact]
    public void Many_segments_are_cut_where_they_lie()
    {
        var calls = Watched("segment=1,seed=5");
        var segments = stackalloc Libc.Segment[3];
        for (var round = 0; round < 200; round++)
        {
            for (var index = 0; index < 3; index++)
            {
                segments[index].Length = 10;
            }

            nuint count = 3;
            Assert.False(calls.StallsVector("sendmsg", Descriptor, segments, ref count));
            Assert.InRange((int)count, 1, 3);
            for (nuint index = 0; index < count; index++)
            {
                Assert.InRange((int)segments[index].Length, index + 1 < count ? 10 : 1, 10);
            }
        }
    }

    [Fact]
    public void A_stalled_call_is_not_made_and_readiness_is_told_again_later()
    {
        var calls = Watched("stall=0.5");
        _far.Send(new byte[10]);
        var stalled = 0;
        for (var deadline = Environment.TickCount64 + 10_000; stalled < 20;)
        {
            var length = 10;
            if (calls.Stalls("recv", Descriptor, ref length))
            {
                stalled++;
                while ((Events(calls, 1000) & Libc.EpollIn) == 0) // a wait is interrupted at times
                {
                    Assert.True(Environment.TickCount64 < deadline, "the event never came");
                }
            }

            Assert.Equal(10, length);
        }
    }

    [Fact]
    public void A_reset_is_seen_at_both_ends()
    {
        var calls = Watched("reset=1");
        _far.Send(new byte[10]);
        var length = 10;
        Assert.False(calls.Stalls("recv", Descriptor, ref length));
        var buffer = stackalloc byte[10];
        Assert.Equal(Errno.ECONNRESET, Libc.Receive(Descriptor, buffer, 10).Error);
        Assert.Equal(Errno.EPIPE, Libc.Send(Descriptor, buffer, 10).Error);
        Assert.Equal(SocketError.ConnectionReset, Assert.Throws<SocketException>(() => _far.Receive(new byte[1])).SocketErrorCode);
    }

    [Fact]
    public void A_spurious_event_tells_of_nothing()
    {
        var calls = Watched("spurious=1");
        Events(calls, 0); // writable, truly
        var length = 10;
        Assert.False(calls.Stalls("recv", Descriptor, ref length));
        Assert.Equal(Libc.EpollIn, Events(calls, 0));
        Assert.Equal(0u, Events(calls, 0));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_is_closed_is_not_spoken_of_again(bool closed)
    {
        var calls = Watched("stall=1,spurious=1");
        var length = 10;
        Assert.True(calls.Stalls("recv", Descriptor, ref length));
        if (closed)
        {
            calls.Closing(Descriptor);
        }
        else
        {
            calls.Registering(_epoll, Libc.EpollDelete, Descriptor, null);
        }

        Assert.False(calls.Stalls("recv", Descriptor, ref length));
        Assert.Equal(0u, Events(calls, 0) & Libc.EpollIn);
    }

    [Fact]
    public void The_same_seed_makes_the_same_faults()
    {
        Assert.Equal(Sequence(Watched("seed=3,stall=0.3,segment=0.3")), Sequence(Watched("seed=3,stall=0.3,segment=0.3")));
        Assert.NotEqual(Sequence(Watched("seed=3,stall=0.3,segment=0.3")), Sequence(Watched("seed=4,stall=0.3,segment=0.3")));
    }

    private List<int> Sequence(FaultyCalls calls)
    {
        var lengths = new List<int>();
        for (var call = 0; call < 100; call++)
        {
            var length = 1000;
            lengths.Add(calls.Stalls("recv", Descriptor, ref length) ? -1 : length);
        }

        return lengths;
    }

    /// <summary>As an event loop registers a connection.</summary>
    private FaultyCalls Watched(string plan)
    {
        var calls = new FaultyCalls(FaultPlan.Parse(plan)!);
        var change = stackalloc byte[16];
        EpollEvent.Write(change, Libc.EpollIn | Libc.EpollOut | Libc.EpollPeerClosed | Libc.EpollEdge, (uint)Descriptor);
        calls.Registering(_epoll, Libc.EpollAdd, Descriptor, change);
        Libc.EpollControl(_epoll, Libc.EpollDelete, Descriptor, change);
        Assert.Equal(0, Libc.EpollControl(_epoll, Libc.EpollAdd, Descriptor, change));
        return calls;
    }

    private uint Events(FaultyCalls calls, int timeoutMilliseconds)
    {
        var events = stackalloc byte[16 * 4];
        return calls.Wait(_epoll, events, 4, timeoutMilliseconds) > 0 ? EpollEvent.Events(events) : 0;
    }
}
