using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using Google.Protobuf;

namespace Ambient.Xds.Grpc;

/// <summary>Reads length-prefixed messages one by one. One reader at a time.</summary>
public sealed class MessageReader<T>
    where T : class, IMessage<T>
{
    private const int PrefixLength = 5;

    private readonly PipeReader _pipe;
    private readonly MessageParser<T> _parser;
    private readonly int _maxBytes;

    internal MessageReader(PipeReader pipe, MessageParser<T> parser, int maxBytes)
    {
        _pipe = pipe;
        _parser = parser;
        _maxBytes = maxBytes;
    }

    /// <summary>The size of the message that was read last, in bytes without prefix.</summary>
    public int LastSize { get; private set; }

    /// <summary>The next message; null when the sender has ended.</summary>
    /// <exception cref="GrpcException">The message is too large, compressed, cut off, or cannot be decoded.</exception>
    public async ValueTask<T?> ReadAsync(CancellationToken cancellation)
    {
        while (true)
        {
            var result = await _pipe.ReadAsync(cancellation);
            if (result.IsCanceled)
            {
                throw new OperationCanceledException(cancellation);
            }

            var buffer = result.Buffer;
            if (TryTake(ref buffer, out var body))
            {
                try
                {
                    LastSize = (int)body.Length;
                    return _parser.ParseFrom(body);
                }
                catch (InvalidProtocolBufferException wrong)
                {
                    throw new GrpcException(GrpcStatus.Internal, $"a message of type {typeof(T).Name} cannot be decoded: {wrong.Message}", wrong);
                }
                finally
                {
                    _pipe.AdvanceTo(buffer.Start);
                }
            }

            var left = buffer.Length;
            _pipe.AdvanceTo(buffer.Start, buffer.End);
            if (result.IsCompleted)
            {
                return left == 0 ? null : throw new GrpcException(
                    GrpcStatus.Internal, $"the stream ended {left} bytes into a message of type {typeof(T).Name}");
            }
        }
    }

    private bool TryTake(ref ReadOnlySequence<byte> buffer, out ReadOnlySequence<byte> body)
    {
        body = default;
        if (buffer.Length < PrefixLength)
        {
            return false;
        }

        Span<byte> prefix = stackalloc byte[PrefixLength];
        buffer.Slice(0, PrefixLength).CopyTo(prefix);
        if (prefix[0] != 0)
        {
            throw new GrpcException(GrpcStatus.Unimplemented, "the message is compressed, which was not offered: send it with the identity encoding");
        }

        var length = BinaryPrimitives.ReadUInt32BigEndian(prefix[1..]);
        if (length > _maxBytes)
        {
            throw new GrpcException(
                GrpcStatus.ResourceExhausted, $"a message of type {typeof(T).Name} has {length} bytes; the limit here is {_maxBytes}");
        }

        if (buffer.Length < PrefixLength + length)
        {
            return false;
        }

        body = buffer.Slice(PrefixLength, length);
        buffer = buffer.Slice(PrefixLength + length);
        return true;
    }
}
