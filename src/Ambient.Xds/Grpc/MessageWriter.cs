using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using Google.Protobuf;

namespace Ambient.Xds.Grpc;

/// <summary>Writes length-prefixed messages. One writer at a time.</summary>
public sealed class MessageWriter<T>
    where T : class, IMessage<T>
{
    /// <summary>A large message goes out in portions of this size, so that a slow reader holds one of them and not the whole.</summary>
    private const int FlushAt = 64 * 1024;

    private readonly PipeWriter _pipe;
    private Func<CancellationToken, Task>? _start;

    /// <summary>
    /// <paramref name="start"/> runs before the first byte: Kestrel wants a response started before, not between, the uses of its writer,
    /// and a response that never starts can still have its status in its headers.
    /// </summary>
    internal MessageWriter(PipeWriter pipe, Func<CancellationToken, Task>? start = null)
    {
        _pipe = pipe;
        _start = start;
    }

    /// <summary>Whether a message has begun and not ended: nothing else can follow then, not even a status.</summary>
    internal bool IsInsideMessage { get; private set; }

    /// <summary>Writes one message and waits until the transport took it.</summary>
    public ValueTask WriteAsync(T message, CancellationToken cancellation) => WriteAsync([message], cancellation);

    /// <summary>
    /// Writes one message that is given in parts: on the wire, parts one after the other are their merger. Each part is encoded
    /// only when the ones before are on their way.
    /// </summary>
    public async ValueTask WriteAsync(IReadOnlyList<T> parts, CancellationToken cancellation)
    {
        var length = parts.Sum(part => (long)part.CalculateSize());
        if (length > int.MaxValue)
        {
            throw new GrpcException(GrpcStatus.ResourceExhausted, $"a message of type {typeof(T).Name} has {length} bytes, more than can be framed");
        }

        if (_start is { } start)
        {
            _start = null;
            await start(cancellation);
        }

        IsInsideMessage = true;
        WritePrefix((uint)length);
        foreach (var part in parts)
        {
            part.WriteTo(_pipe);
            if (_pipe.CanGetUnflushedBytes && _pipe.UnflushedBytes >= FlushAt)
            {
                await FlushAsync(cancellation);
            }
        }

        await FlushAsync(cancellation);
        IsInsideMessage = false;
    }

    private void WritePrefix(uint length)
    {
        var prefix = _pipe.GetSpan(5);
        prefix[0] = 0;
        BinaryPrimitives.WriteUInt32BigEndian(prefix[1..], length);
        _pipe.Advance(5);
    }

    private async ValueTask FlushAsync(CancellationToken cancellation)
    {
        var result = await _pipe.FlushAsync(cancellation);
        if (result.IsCompleted || result.IsCanceled)
        {
            throw new GrpcException(GrpcStatus.Unavailable, "the reader of the stream went away");
        }
    }
}
