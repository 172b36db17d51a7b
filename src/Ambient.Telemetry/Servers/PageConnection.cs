using System.Net;
using System.Net.Sockets;

namespace Ambient.Telemetry.Servers;

/// <summary>One connection to a <see cref="PageServer"/>: requests one after the other.</summary>
internal sealed class PageConnection(Socket socket) : IAsyncDisposable
{
    /// <summary>Probes send 200 bytes, browsers with cookies for localhost a few kilobytes.</summary>
    private const int MaxHeadBytes = 16 * 1024;

    /// <summary>How long a connection may wait for its next request; scrapers come every minute or oftener.</summary>
    private static readonly TimeSpan IdleTimeout = TimeSpan.FromMinutes(2);

    /// <summary>From the first byte of a request to its head's last.</summary>
    private static readonly TimeSpan HeadTimeout = TimeSpan.FromSeconds(5);

    /// <summary>For body and answer; scrapers give up after ten seconds.</summary>
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(60);

    /// <summary>For the client to close after the last answer.</summary>
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(2);

    private readonly NetworkStream _stream = new(socket, ownsSocket: true);
    private readonly IPAddress _remote = ((IPEndPoint)socket.RemoteEndPoint!).Address;
    private byte[] _buffer = new byte[1024];
    private int _filled;
    private CancellationTokenSource? _deadline;

    /// <summary>The next request; null at the end of the connection. Waiting for one ends with <paramref name="stopping"/>, answering it with <paramref name="aborting"/>.</summary>
    public async Task<PageContext?> ReadAsync(CancellationToken stopping, CancellationToken aborting)
    {
        _deadline?.Dispose();
        _deadline = CancellationTokenSource.CreateLinkedTokenSource(aborting);
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        waiting.CancelAfter(_filled > 0 ? HeadTimeout : IdleTimeout);
        int end;
        while ((end = _buffer.AsSpan(0, _filled).IndexOf("\r\n\r\n"u8)) < 0)
        {
            if (_filled == MaxHeadBytes)
            {
                return Context(PageRequest.Wrong($"The request's head is larger than {MaxHeadBytes} bytes."));
            }

            if (_filled == _buffer.Length)
            {
                Array.Resize(ref _buffer, _buffer.Length * 2);
            }

            var read = await _stream.ReadAsync(_buffer.AsMemory(_filled), waiting.Token);
            if (read == 0)
            {
                return null;
            }

            if (_filled == 0)
            {
                waiting.CancelAfter(HeadTimeout);
            }

            _filled += read;
        }

        var request = PageRequest.Parse(_buffer.AsSpan(0, end));
        Consume(end + 4);
        return Context(request);
    }

    /// <summary>Ends the answer and passes over the request's body. Whether another request may come.</summary>
    public async Task<bool> EndAsync(PageContext context)
    {
        if (context.Body is { } body)
        {
            await body.EndAsync(context.Aborted);
        }

        if (context.Request.Closes)
        {
            // What is unread when a socket closes would become a reset that overtakes the answer.
            socket.Shutdown(SocketShutdown.Send);
            _deadline!.CancelAfter(CloseTimeout);
            while (await _stream.ReadAsync(_buffer, context.Aborted) > 0)
            {
            }

            return false;
        }

        for (var left = context.Request.BodyBytes; left > 0;)
        {
            if (_filled == 0 && (_filled = await _stream.ReadAsync(_buffer, context.Aborted)) == 0)
            {
                return false;
            }

            var passed = Math.Min(left, _filled);
            Consume(passed);
            left -= passed;
        }

        return true;
    }

    public async ValueTask DisposeAsync()
    {
        _deadline?.Dispose();
        await _stream.DisposeAsync();
    }

    private PageContext Context(PageRequest request)
    {
        _deadline!.CancelAfter(AnswerTimeout);
        return new PageContext(_stream, _remote, request, _deadline.Token);
    }

    private void Consume(int count)
    {
        _buffer.AsSpan(count, _filled - count).CopyTo(_buffer);
        _filled -= count;
    }
}
