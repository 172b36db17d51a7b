namespace Ambient.Linux;

/// <summary>How one direction of a splice relay ended.</summary>
/// <param name="ReceiveError">Error of the socket that was read, or none.</param>
/// <param name="SendError">Error of the socket that was written, or none.</param>
public readonly record struct SpliceEnd(Errno ReceiveError, Errno SendError)
{
    /// <summary>The sender ended its stream, everything was delivered, and the end was passed on.</summary>
    public bool IsClean => ReceiveError == Errno.None && SendError == Errno.None;
}

/// <summary>Bytes moved by one direction so far; read from any thread.</summary>
/// <param name="moved">Told of each amount on the loop, if somebody wants to know as it happens.</param>
public sealed class SpliceCounter(Action<int>? moved = null)
{
    private long _bytes;

    /// <summary>Bytes delivered to the receiving socket's kernel buffer.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    internal void Add(int count)
    {
        Volatile.Write(ref _bytes, _bytes + count);
        moved?.Invoke(count);
    }
}

/// <summary>Relays between two sockets of one loop inside the kernel, without copying to user space.</summary>
public static class Splice
{
    /// <summary>
    /// Pipefuls that one direction moves before the loop's other work has its turn (4 MB): a fast pair must not starve the
    /// rest, and with edge-triggered readiness it has to come back by itself.
    /// </summary>
    private const int RoundsPerTurn = 16;

    /// <summary>
    /// Moves bytes until the sender ends its stream, then passes the end on (half-close). Never throws for what a peer does.
    /// The caller runs one for each direction and owns both sockets; disposing one ends both. On the loop only.
    /// </summary>
    public static async Task<SpliceEnd> PumpAsync(TcpSocket from, TcpSocket to, SpliceCounter counter)
    {
        if (from.Loop != to.Loop)
        {
            throw new ArgumentException("Both sockets of a relay belong to one loop.", nameof(to));
        }

        var loop = from.Loop;
        var rounds = 0;
        while (true)
        {
            await from.WaitReadableAsync();
            var pipe = loop.Pipes.Rent();
            var empty = true;
            try
            {
                while (true)
                {
                    var taken = from.TrySpliceTo(pipe);
                    if (taken.WouldBlock)
                    {
                        break;
                    }

                    if (!taken.Ok)
                    {
                        return new SpliceEnd(taken.Error, Errno.None);
                    }

                    if (taken.Count == 0)
                    {
                        to.ShutdownSend();
                        return default;
                    }

                    empty = false;
                    for (var left = taken.Count; left > 0;)
                    {
                        var given = to.TrySpliceFrom(pipe, left);
                        if (given.Ok)
                        {
                            left -= given.Count;
                            counter.Add(given.Count);
                        }
                        else if (given.WouldBlock)
                        {
                            await to.WaitWritableAsync();
                        }
                        else
                        {
                            return new SpliceEnd(Errno.None, given.Error);
                        }
                    }

                    empty = true;
                    if (++rounds % RoundsPerTurn == 0)
                    {
                        await loop.Yield();
                    }
                }
            }
            finally
            {
                if (empty)
                {
                    loop.Pipes.Return(pipe);
                }
                else
                {
                    pipe.Close();
                }
            }
        }
    }
}
