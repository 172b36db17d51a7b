using System.Net;

namespace Ambient.Xds.Grpc;

/// <summary>A request body that is written piece by piece for as long as the call lasts.</summary>
internal sealed class StreamedContent : HttpContent
{
    private readonly TaskCompletionSource<Stream> _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when the connection is there and the body can be written.</summary>
    public Task<Stream> OpenedAsync() => _opened.Task;

    /// <summary>No more will be written.</summary>
    public void End() => _ended.TrySetResult();

    /// <summary>There will be no connection.</summary>
    public void Fail() => _opened.TrySetCanceled();

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        // The headers go out now: the server may have something to say before our first message.
        await stream.FlushAsync(cancellationToken);
        _opened.TrySetResult(stream);
        await _ended.Task.WaitAsync(cancellationToken);
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }

    protected override void Dispose(bool disposing)
    {
        End();
        base.Dispose(disposing);
    }
}
