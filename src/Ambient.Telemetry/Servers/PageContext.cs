using System.Globalization;
using System.Net;
using System.Text;

namespace Ambient.Telemetry.Servers;

/// <summary>A request for a page, and the answer to it.</summary>
public sealed class PageContext
{
    private readonly Stream _stream;
    private readonly List<KeyValuePair<string, string>> _answerHeaders = [];

    internal PageContext(Stream stream, IPAddress remote, PageRequest request, CancellationToken aborted)
    {
        (_stream, RemoteAddress, Request, Aborted) = (stream, remote, request, aborted);
        var question = request.Target.IndexOf('?', StringComparison.Ordinal);
        Path = question < 0 ? request.Target : request.Target[..question];
        Query = Parameters(question < 0 ? "" : request.Target[(question + 1)..]);
    }

    /// <summary>The method, as sent.</summary>
    public string Method => Request.Method;

    /// <summary>The path, as sent, without the query.</summary>
    public string Path { get; }

    /// <summary>The parameters of the query, in order, decoded; without <c>=</c> the value is empty.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Query { get; }

    /// <summary>Who asks.</summary>
    public IPAddress RemoteAddress { get; }

    /// <summary>The client is gone, was too slow, or the server ends.</summary>
    public CancellationToken Aborted { get; }

    /// <summary>Whether the answer has begun.</summary>
    public bool HasStarted { get; private set; }

    internal PageRequest Request { get; }

    /// <summary>Why the request cannot be taken; the connection ends with the answer.</summary>
    internal string? Problem => Request.Problem;

    /// <summary>The body of an answer whose length was not known.</summary>
    internal ChunkedBody? Body { get; private set; }

    /// <summary>A header of the request, repeated ones joined by commas; empty where there is none.</summary>
    public string Header(string name) =>
        string.Join(',', Request.Headers.Where(header => header.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Select(header => header.Value));

    /// <summary>A header for the answer; before it begins.</summary>
    public void SetHeader(string name, string value) => _answerHeaders.Add(new(name, value));

    /// <summary>Answers with text.</summary>
    public async Task AnswerAsync(int status, string text, string contentType = "text/plain; charset=utf-8")
    {
        var body = Encoding.UTF8.GetBytes(text);
        SetHeader("Content-Type", contentType);
        SetHeader("Content-Length", body.Length.ToString(CultureInfo.InvariantCulture));
        SetHeader("Cache-Control", "no-store");
        await StartAsync(status);
        if (Method != "HEAD")
        {
            await _stream.WriteAsync(body, Aborted);
        }
    }

    /// <summary>Begins an answer of unknown length and gives the stream for it; null where only headers are wanted (HEAD).</summary>
    public async Task<Stream?> BeginAsync(string contentType)
    {
        SetHeader("Content-Type", contentType);
        if (!Request.IsVersion10)
        {
            SetHeader("Transfer-Encoding", "chunked");
        }

        await StartAsync(200);
        return Method == "HEAD" ? null : Body = new ChunkedBody(_stream, chunked: !Request.IsVersion10);
    }

    private Task StartAsync(int status)
    {
        HasStarted = true;
        var head = new StringBuilder("HTTP/1.1 ").Append(status).Append(' ').Append((HttpStatusCode)status).Append("\r\n");
        head.Append("Date: ").Append(TimeProvider.System.GetUtcNow().ToString("R", CultureInfo.InvariantCulture)).Append("\r\n");
        foreach (var (name, value) in _answerHeaders)
        {
            head.Append(name).Append(": ").Append(value).Append("\r\n");
        }

        if (Request.Closes)
        {
            head.Append("Connection: close\r\n");
        }

        return _stream.WriteAsync(Encoding.ASCII.GetBytes(head.Append("\r\n").ToString()), Aborted).AsTask();
    }

    private static List<KeyValuePair<string, string>> Parameters(string query) =>
        [.. query.Split('&', StringSplitOptions.RemoveEmptyEntries).Select(part => part.Split('=', 2)).Select(part =>
            KeyValuePair.Create(Decode(part[0]), part.Length > 1 ? Decode(part[1]) : ""))];

    private static string Decode(string text) => Uri.UnescapeDataString(text.Replace('+', ' '));
}

/// <summary>A body in chunks (RFC 9112 §7.1), or as it comes up to the end of the connection for HTTP/1.0.</summary>
internal sealed class ChunkedBody(Stream stream, bool chunked) : Stream
{
    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        // An empty chunk would be the end.
        if (buffer.IsEmpty)
        {
            return;
        }

        if (!chunked)
        {
            await stream.WriteAsync(buffer, cancellationToken);
            return;
        }

        await stream.WriteAsync(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{buffer.Length:x}\r\n")), cancellationToken);
        await stream.WriteAsync(buffer, cancellationToken);
        await stream.WriteAsync("\r\n"u8.ToArray(), cancellationToken);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <summary>The end of the body.</summary>
    public async ValueTask EndAsync(CancellationToken cancellation)
    {
        if (chunked)
        {
            await stream.WriteAsync("0\r\n\r\n"u8.ToArray(), cancellation);
        }
    }

    public override void Flush()
    {
        // Nothing is held back.
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("Only asynchronous writing is offered.");
}
