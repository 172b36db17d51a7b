using System.Threading.Tasks.Sources;

namespace Ambient.Hbone;

/// <summary>Heads of messages: the response that a client waits for, and the one that a server gives.</summary>
public sealed partial class Http2Stream
{
    /// <summary>Interim responses kept for one request; RFC 9110 §15.2 sets no bound, nobody sends more than two.</summary>
    private const int MostInterim = 10;

    private ResponseWait? _responseWait;
    private ResponseHeaders? _response;
    private List<ResponseHeaders>? _interim;
    private bool _headersSent;

    /// <summary>The final response's head arrived (client) or was sent (server).</summary>
    internal bool IsAnswered => _connection.IsServer ? _headersSent : _response is not null;

    /// <summary>The answer's head (client side; one caller at a time). Throws if the stream or its connection ends first.</summary>
    public ValueTask<ResponseHeaders> ResponseAsync()
    {
        if (_connection.IsServer || _responseWait is not null)
        {
            throw new InvalidOperationException(_connection.IsServer ? "the server gives the response" : "the response is awaited already");
        }

        if (_response is not null)
        {
            return ValueTask.FromResult(_response);
        }

        if (_error is not null)
        {
            return ValueTask.FromException<ResponseHeaders>(_error);
        }

        _responseWait = new ResponseWait();
        return _responseWait.Task;
    }

    /// <summary>
    /// Sends the answer's head (server side). A status below 200 is an interim response, after which the final one is still
    /// to come. Nothing happens if the stream has been reset meanwhile.
    /// </summary>
    public void Respond(int status, ReadOnlySpan<HeaderField> headers, bool endStream)
    {
        if (!_connection.IsServer || _headersSent)
        {
            throw new InvalidOperationException(_connection.IsServer ? "the response was sent already" : "the client sends the request");
        }

        if (status is < 100 or > 999 or 101 || (status < 200 && endStream))
        {
            throw new ArgumentOutOfRangeException(nameof(status), status, "100, 102 to 199 without, 200 to 999 with or without a body");
        }

        HeaderRules.CheckOutgoing(headers);
        if (_isClosed)
        {
            return;
        }

        _headersSent = status >= 200;
        _connection.SendResponse(Id, status, headers, endStream);
        if (endStream)
        {
            OnEnded();
        }
    }

    /// <summary>Ends our direction with trailer fields after the data.</summary>
    public void CompleteWithTrailers(params ReadOnlySpan<HeaderField> trailers)
    {
        HeaderRules.CheckOutgoing(trailers);
        QueueEnd(new HeaderList(trailers));
        _writer?.MarkCompleted();
    }

    /// <summary>The request has gone out (client side).</summary>
    internal void OnRequestSent(bool endStream)
    {
        _headersSent = true;
        if (endStream)
        {
            OnEnded();
            _writer?.MarkCompleted();
        }
    }

    /// <summary>A response head arrived. Words if there is something wrong with it.</summary>
    internal string? OnResponse(ResponseHeaders response)
    {
        if (response.Status < 200)
        {
            _interim ??= [];
            _interim.Add(response);
            Observer?.OnInterim(response);
            return response.EndStream ? "an interim response that ends the stream"
                : _interim.Count > MostInterim ? $"more than {MostInterim} interim responses"
                : null;
        }

        var hasBody = Request.Method != "HEAD" && !Request.IsConnect && response.Status is not (204 or 304);
        if (hasBody)
        {
            ExpectBody(response.Fields, endStream: false);
        }

        _response = _interim is null ? response : response with { Interim = _interim };
        return null;
    }

    private void WakeResponse()
    {
        if (_responseWait is { } wait && _response is not null)
        {
            _responseWait = null;
            wait.Set(_response);
        }
    }

    private void FailResponse(IOException error)
    {
        _error = error;
        if (_responseWait is { } wait && _response is null)
        {
            _responseWait = null;
            wait.Fail(error);
        }
    }

    /// <summary>Lives from the request to the answer, which a tunnel outlives by far.</summary>
    private sealed class ResponseWait : IValueTaskSource<ResponseHeaders>
    {
        private ManualResetValueTaskSourceCore<ResponseHeaders> _core;

        public ValueTask<ResponseHeaders> Task => new(this, _core.Version);

        public void Set(ResponseHeaders response) => _core.SetResult(response);

        public void Fail(IOException error) => _core.SetException(error);

        ResponseHeaders IValueTaskSource<ResponseHeaders>.GetResult(short token) => _core.GetResult(token);

        ValueTaskSourceStatus IValueTaskSource<ResponseHeaders>.GetStatus(short token) => _core.GetStatus(token);

        void IValueTaskSource<ResponseHeaders>.OnCompleted(
            Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            _core.OnCompleted(continuation, state, token, flags & ~ValueTaskSourceOnCompletedFlags.UseSchedulingContext);
    }
}
