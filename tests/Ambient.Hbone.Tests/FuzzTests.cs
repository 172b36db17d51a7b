using System.Buffers;
using System.IO.Pipelines;
using Ambient.Hbone.Tests.Support;
using static Ambient.Hbone.Tests.Support.RawFrame;

namespace Ambient.Hbone.Tests;

/// <summary>
/// Sessions of a fixed corpus of seeds: whatever a peer sends and whatever the owner does meanwhile, the connection ends
/// with a reason, nothing is thrown, and no memory stays behind.
/// </summary>
public sealed class FuzzTests
{
    [Fact]
    public void Frames_without_sense_end_in_order()
    {
        for (var seed = 0; seed < 400; seed++)
        {
            var random = new Random(seed);
            RunServer(random, frames: 60, _ => NextFrame(random, sane: 0.3));
        }
    }

    [Fact]
    public void Frames_that_make_sense_most_of_the_time_end_in_order()
    {
        for (var seed = 0; seed < 400; seed++)
        {
            var random = new Random(seed);
            RunServer(random, frames: 150, _ => NextFrame(random, sane: 0.97));
        }
    }

    [Fact]
    public void Bytes_without_frames_end_in_order()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            RunServer(random, frames: 20, _ =>
            {
                var bytes = new byte[random.Next(1, 300)];
                random.NextBytes(bytes);
                return bytes;
            });
        }
    }

    private static void RunServer(Random random, int frames, Func<int, byte[]> next)
    {
        var transport = new SteppedTransport(() => random.Next(1, 5_000), capacity: 4 << 20);
        var budget = new ByteBudget(1 << 20);
        var streams = new List<Http2Stream>();
        var server = Http2Connection.Server(transport.Far, new Http2Limits { MaxConcurrentStreams = 10, StreamWindow = 65_535 }, budget, streams.Add);
        var end = server.RunAsync();
        var output = transport.Near.Output;
        output.Write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8);
        output.Write(new RawFrame(Settings, 0, 0, []).ToBytes());
        output.Write(new RawFrame(Settings, Ack, 0, []).ToBytes());
        transport.Run();
        var tasks = new List<Task>();
        for (var index = 0; index < frames && !end.IsCompleted; index++)
        {
            output.Write(next(index));
            transport.Run();
            if (streams.Count > 0)
            {
                Act(random, streams[random.Next(streams.Count)], tasks);
            }

            server.Tick(index * 50L);
            Drain(transport);
        }

        server.Abort(Http2ErrorCode.NoError);
        transport.Run();
        server.Tick(1_000_000);
        server.Tick(2_000_000);
        Assert.True(end.IsCompletedSuccessfully, end.Exception?.ToString());
        foreach (var stream in streams)
        {
            stream.Dispose();
        }

        Assert.All(tasks, task => Assert.True(task.IsCompleted));
        Assert.All(tasks.Where(task => task.IsFaulted), task => Assert.IsAssignableFrom<IOException>(task.Exception!.InnerException));
        Assert.Equal(0, budget.Held);
        Assert.Equal(0, server.ActiveStreams);
    }

    /// <summary>What an owner does: answers, reads, writes, ends, resets.</summary>
    private static void Act(Random random, Http2Stream stream, List<Task> tasks)
    {
        try
        {
            switch (random.Next(9))
            {
                case 0:
                    stream.Respond(200, [], endStream: false);
                    break;
                case 1:
                    stream.Respond(503, [new("x", "y")], endStream: true);
                    break;
                case 2:
                    tasks.Add(ReadOnceAsync(stream));
                    break;
                case 3:
                    stream.WritesDirectly = !stream.WritesDirectly;
                    break;
                case 4:
                    tasks.Add(WriteAsync(stream, new byte[random.Next(1, 100_000)]));
                    break;
                case 5:
                    stream.Output.Complete();
                    break;
                case 6:
                    stream.Input.Complete();
                    break;
                case 7:
                    stream.Reset(Http2ErrorCode.Cancel);
                    break;
                default:
                    stream.CompleteWithTrailers(new HeaderField("x-end", "1"));
                    break;
            }
        }
        catch (InvalidOperationException)
        {
            // Misuse that the interface refuses: answered twice, written after the end, read by two.
        }
    }

    private static async Task WriteAsync(Http2Stream stream, byte[] bytes)
    {
        try
        {
            await stream.Output.WriteAsync(bytes);
        }
        catch (InvalidOperationException)
        {
            // Not answered yet, ended, or a flush of an earlier write waits.
        }
    }

    private static async Task ReadOnceAsync(Http2Stream stream)
    {
        ReadResult result;
        try
        {
            result = await stream.Input.ReadAsync();
        }
        catch (InvalidOperationException)
        {
            return;
        }

        stream.Input.AdvanceTo(result.Buffer.GetPosition(result.Buffer.Length / 2));
    }

    private static void Drain(SteppedTransport transport)
    {
        var read = transport.Near.Input.ReadAsync().AsTask();
        transport.Run();
        if (read.IsCompletedSuccessfully)
        {
            transport.Near.Input.AdvanceTo(read.Result.Buffer.End);
        }
        else
        {
            transport.Near.Input.CancelPendingRead();
        }
    }

    private static byte[] NextFrame(Random random, double sane)
    {
        var id = (2 * random.Next(0, 12)) + 1;
        if (random.NextDouble() < sane)
        {
            return (random.Next(8) switch
            {
                0 or 1 => new RawFrame(Headers, EndHeaders, id, RawPeer.Block((":method", "CONNECT"), (":authority", "a:1"))),
                2 or 3 => new RawFrame(Data, random.Next(10) == 0 ? EndStream : (byte)0, id, new byte[random.Next(0, 3_000)]),
                4 => new RawFrame(WindowUpdate, 0, random.Next(2) * id, Int((uint)random.Next(1, 50_000))),
                5 => new RawFrame(Reset, 0, id, Int(8)),
                6 => new RawFrame(Settings, 0, 0, RawPeer.Setting(4, (uint)random.Next(0, 100_000))),
                _ => new RawFrame(Ping, 0, 0, new byte[8]),
            }).ToBytes();
        }

        var payload = new byte[random.Next(0, 40)];
        random.NextBytes(payload);
        return new RawFrame((byte)random.Next(0, 12), (byte)random.Next(256), random.Next(3) == 0 ? 0 : id, payload).ToBytes();
    }
}
