using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Ambient.Waypoint.Tests.Requests;

/// <summary>Bodies that are larger than anybody's memory should be, and peers that are slow.</summary>
public sealed class StreamingTests : RequestFixture
{
    private const long Size = 100L << 20;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_hundred_megabytes_go_up_and_down_within_bounded_memory(int version)
    {
        var upstream = Own(await KestrelServer.StartAsync(version == 1 ? HttpProtocols.Http1 : HttpProtocols.Http2, async context =>
        {
            var block = new byte[64 * 1024];
            var received = 0L;
            for (int count; (count = await context.Request.Body.ReadAsync(block)) > 0;)
            {
                received += count;
            }

            context.Response.Headers["x-received"] = $"{received}";
            for (var left = Size; left > 0; left -= block.Length)
            {
                await context.Response.Body.WriteAsync(block);
            }
        }));
        Serve(endpoints: upstream.Address);
        using var http = Connect(version);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var most = 0L;
        using var request = new HttpRequestMessage(HttpMethod.Post, "/")
        {
            Version = new Version(version, version == 1 ? 1 : 0),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new StreamContent(new Zeros(Size), 64 * 1024),
        };
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal($"{Size}", answer.Headers.GetValues("x-received").Single());
        await using var body = await answer.Content.ReadAsStreamAsync();
        var buffer = new byte[64 * 1024];
        var total = 0L;
        for (int count; (count = await body.ReadAsync(buffer)) > 0; total += count)
        {
            if (total % (8 << 20) < count)
            {
                most = Math.Max(most, GC.GetTotalMemory(forceFullCollection: false) - before);
            }
        }

        Assert.Equal(Size, total);
        Assert.InRange(most, long.MinValue, 80L << 20); // garbage of client and server included, far below the two bodies
        Assert.Contains($"bytes_sent={Size} bytes_recv={Size}", Assert.Single(await LogAsync()));
    }

    [Fact]
    public async Task Both_directions_stream_at_once()
    {
        long received = 0, returned = 0, total = 0;
        var upstream = Own(await KestrelServer.StartAsync(HttpProtocols.Http2, async context =>
        {
            var buffer = new byte[64 * 1024];
            for (int count; (count = await context.Request.Body.ReadAsync(buffer)) > 0;)
            {
                Interlocked.Add(ref received, count);
                await context.Response.Body.WriteAsync(buffer.AsMemory(0, count));
                Interlocked.Add(ref returned, count);
            }
        }));
        Serve(protocol: Ambient.Mesh.Model.AppProtocol.Http2, endpoints: upstream.Address);
        using var http = Connect(2);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/")
        {
            Version = new Version(2, 0),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new DuplexZeros(),
        };
        var echoing = EchoAsync();
        await Task.WhenAny(echoing, Task.Delay(20_000));
        Assert.True(echoing.IsCompleted, $"server received {received}, returned {returned}; client got {total}");
        await echoing;
        Assert.Equal(Size, total);

        async Task EchoAsync()
        {
            using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            await using var body = await answer.Content.ReadAsStreamAsync();
            var buffer = new byte[64 * 1024];
            for (int count; (count = await body.ReadAsync(buffer)) > 0;)
            {
                Interlocked.Add(ref total, count);
            }
        }
    }

    [Fact]
    public async Task A_client_that_does_not_read_holds_the_server_back()
    {
        var written = 0L;
        var upstream = Own(await KestrelServer.StartAsync(HttpProtocols.Http1, async context =>
        {
            var block = new byte[64 * 1024];
            for (var left = Size; left > 0; left -= block.Length)
            {
                await context.Response.Body.WriteAsync(block, context.RequestAborted);
                Interlocked.Add(ref written, block.Length);
            }
        }));
        Serve(endpoints: upstream.Address);
        await using var client = await RawClient.ConnectAsync(Address);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: web\r\n\r\n");
        await UntilAsync(() => Interlocked.Read(ref written) > 0, "it begins");
        await Task.Delay(300);
        var heldAt = Interlocked.Read(ref written);
        await Task.Delay(300);
        Assert.Equal(heldAt, Interlocked.Read(ref written));
        Assert.InRange(heldAt, 1, 40L << 20); // what kernels and servers buffer on loopback

        var buffer = new byte[1 << 20];
        var total = 0L;
        while (total < Size && await client.Socket.ReceiveAsync(buffer.AsMemory()).AsTask().WaitAsync(Limit) is > 0 and var count)
        {
            total += count;
        }

        Assert.True(total >= Size, $"{total}");
    }

    [Fact]
    public async Task A_server_that_does_not_read_holds_the_client_back()
    {
        var release = new TaskCompletionSource();
        var upstream = Own(await KestrelServer.StartAsync(HttpProtocols.Http1, async context =>
        {
            await release.Task.WaitAsync(Limit);
            var buffer = new byte[64 * 1024];
            while (await context.Request.Body.ReadAsync(buffer) > 0)
            {
            }

            await context.Response.WriteAsync("done");
        }));
        Serve(endpoints: upstream.Address);
        await using var client = await RawClient.ConnectAsync(Address);
        await client.SendAsync($"POST / HTTP/1.1\r\nHost: web\r\nContent-Length: {Size}\r\n\r\n");
        var sent = 0L;
        var sending = Task.Run(async () =>
        {
            var block = new byte[64 * 1024];
            while (Interlocked.Read(ref sent) < Size)
            {
                Interlocked.Add(ref sent, await client.Socket.SendAsync(block.AsMemory(0, (int)Math.Min(block.Length, Size - sent))));
            }
        });
        await Task.Delay(500);
        var heldAt = Interlocked.Read(ref sent);
        await Task.Delay(300);
        Assert.Equal(heldAt, Interlocked.Read(ref sent));
        Assert.InRange(heldAt, 1, 40L << 20);
        release.SetResult();
        await sending.WaitAsync(Limit);
        Assert.EndsWith("done", await client.ReadAnswerAsync());
    }

    private HttpClient Connect(int version) => new(new SocketsHttpHandler { UseProxy = false })
    {
        BaseAddress = new Uri($"http://{(version == 2 ? Address2 : Address)}/"),
        DefaultRequestHeaders = { Host = "web" },
        Timeout = TimeSpan.FromSeconds(60),
    };

    /// <summary>A body of one's own is sent while the answer is read; those of the library are sent first.</summary>
    private sealed class DuplexZeros : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, System.Net.TransportContext? context) => new Zeros(Size).CopyToAsync(stream, 64 * 1024);

        protected override bool TryComputeLength(out long length)
        {
            length = Size;
            return true;
        }
    }

    /// <summary>So many zeros.</summary>
    private sealed class Zeros(long length) : Stream
    {
        private readonly long _length = length;
        private long _left = length;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => _length;

        public override long Position { get => _length - _left; set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            var count = (int)Math.Min(buffer.Length, _left);
            buffer[..count].Clear();
            _left -= count;
            return count;
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => ValueTask.FromResult(Read(buffer.Span));

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
