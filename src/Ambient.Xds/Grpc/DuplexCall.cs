using System.IO.Pipelines;
using Google.Protobuf;

namespace Ambient.Xds.Grpc;

/// <summary>
/// A call of a client, a stream in both directions. One task may write while another reads. Disposing it resets the stream if it
/// has not ended.
/// </summary>
public sealed class DuplexCall<TRequest, TResponse> : IAsyncDisposable
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>
{
    /// <summary>How long a writer that found the stream broken waits for the server's reason before it reports its own.</summary>
    private static readonly TimeSpan ReasonWait = TimeSpan.FromSeconds(1);

    private readonly GrpcChannel _channel;
    private readonly GrpcMethod<TRequest, TResponse> _method;
    private readonly StreamedContent _content;
    private readonly int _maxReceiveBytes;
    private readonly CancellationTokenSource _lifetime = new();
    private readonly CancellationTokenSource _deadline;
    private readonly Task<HttpResponseMessage> _response;
    private PipeWriter? _output;
    private MessageReader<TResponse>? _reader;
    private PipeReader? _input;

    internal DuplexCall(
        GrpcChannel channel, HttpMessageInvoker http, HttpRequestMessage request, StreamedContent content,
        GrpcMethod<TRequest, TResponse> method, int maxReceiveBytes, TimeSpan? timeout)
    {
        _channel = channel;
        _method = method;
        _content = content;
        _maxReceiveBytes = maxReceiveBytes;
        _deadline = timeout is null ? new CancellationTokenSource() : new CancellationTokenSource(timeout.Value);
        _deadline.Token.Register(static lifetime => ((CancellationTokenSource)lifetime!).Cancel(), _lifetime);
        _response = SendAsync(http, request);
    }

    /// <summary>The size of the response that was read last, in bytes.</summary>
    public int LastSize => _reader?.LastSize ?? 0;

    /// <summary>Whether a connection was there and the call went out on it.</summary>
    public bool Connected => _content.OpenedAsync().IsCompletedSuccessfully;

    /// <summary>Writes a request and waits until the transport took it.</summary>
    /// <exception cref="GrpcException">The stream is broken; the status is the server's if it gave one.</exception>
    public async ValueTask WriteAsync(TRequest message, CancellationToken cancellation = default)
    {
        try
        {
            _output ??= PipeWriter.Create(await _content.OpenedAsync().WaitAsync(cancellation));
            await new MessageWriter<TRequest>(_output).WriteAsync(message, cancellation);
        }
        catch (Exception failure) when (failure is not GrpcException && !cancellation.IsCancellationRequested)
        {
            throw await ReasonAsync(failure);
        }
    }

    /// <summary>Says that no more requests will come.</summary>
    public void Complete() => _content.End();

    /// <summary>The next response; null when the server ended the stream with success.</summary>
    /// <exception cref="GrpcException">The server ended it with another status, or the connection was lost.</exception>
    public async ValueTask<TResponse?> ReadAsync(CancellationToken cancellation = default)
    {
        try
        {
            var response = await _response.WaitAsync(cancellation);
            if (_reader is null)
            {
                ThrowIfRefused(response);
                _input = PipeReader.Create(
                    await response.Content.ReadAsStreamAsync(cancellation), new StreamPipeReaderOptions(bufferSize: 32 * 1024, leaveOpen: true));
                _reader = new MessageReader<TResponse>(_input, _method.ResponseParser, _maxReceiveBytes);
            }

            if (await _reader.ReadAsync(cancellation) is { } message)
            {
                return message;
            }

            ThrowUnlessOk(response.TrailingHeaders.NonValidated, response.Headers.NonValidated);
            return null;
        }
        catch (Exception failure) when (failure is not GrpcException && !cancellation.IsCancellationRequested)
        {
            throw Explain(failure);
        }
    }

    /// <summary>Ends the call.</summary>
    public async ValueTask DisposeAsync()
    {
        _content.End();
        await _lifetime.CancelAsync();
        try
        {
            (await _response).Dispose();
        }
        catch (Exception failure) when (failure is HttpRequestException or OperationCanceledException or IOException)
        {
            // Whoever read or wrote has been told.
        }

        _deadline.Dispose();
        _lifetime.Dispose();
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMessageInvoker http, HttpRequestMessage request)
    {
        try
        {
            return await http.SendAsync(request, _lifetime.Token);
        }
        finally
        {
            _content.Fail();
        }
    }

    private async ValueTask<GrpcException> ReasonAsync(Exception failure)
    {
        try
        {
            var response = await _response.WaitAsync(ReasonWait);
            ThrowIfRefused(response);
            return Explain(failure);
        }
        catch (GrpcException reason)
        {
            return reason;
        }
        catch (TimeoutException)
        {
            return Explain(failure);
        }
        catch (Exception better)
        {
            return Explain(better);
        }
    }

    private GrpcException Explain(Exception failure) => _deadline.IsCancellationRequested
        ? new GrpcException(GrpcStatus.DeadlineExceeded, $"{_method.Path} at {_channel.Address} did not answer in time", failure)
        : _channel.Explain(failure);

    private void ThrowIfRefused(HttpResponseMessage response)
    {
        var headers = response.Headers.NonValidated;
        if (headers.Contains("grpc-status"))
        {
            ThrowUnlessOk(headers, headers);
        }

        var type = response.Content.Headers.ContentType?.MediaType;
        if (!response.IsSuccessStatusCode || type is null || !type.StartsWith("application/grpc", StringComparison.Ordinal))
        {
            throw new GrpcException(
                StatusText.FromHttp((int)response.StatusCode),
                $"{_channel.Address} answered {_method.Path} with HTTP status {(int)response.StatusCode} and content type {type ?? "none"}: is it a gRPC server?");
        }
    }

    private void ThrowUnlessOk(
        System.Net.Http.Headers.HttpHeadersNonValidated trailers, System.Net.Http.Headers.HttpHeadersNonValidated headers)
    {
        var source = trailers.Contains("grpc-status") ? trailers : headers;
        var status = StatusText.Parse(source.TryGetValues("grpc-status", out var number) ? number.ToString() : null);
        if (status == GrpcStatus.Ok)
        {
            return;
        }

        var detail = source.TryGetValues("grpc-message", out var message) ? StatusText.Decode(message.ToString()) : "";
        throw status is null
            ? new GrpcException(GrpcStatus.Unknown, $"{_channel.Address} ended {_method.Path} without a status")
            : new GrpcException(status.Value, detail);
    }
}
